// Package ledgerline calls Ledgerline's API: it repeats what is safe to repeat, makes idempotency keys and goes over
// pages.
//
//	client := ledgerline.New("https://ledger.example", ledgerline.WithAPIKey(key))
//	paid, err := client.CreateTransfer(ctx, ledgerline.NewTransfer{Legs: legs}, ledgerline.Wait(5))
//	var refused *ledgerline.Error
//	if errors.As(err, &refused) && refused.Code == "account_not_found" { ... }
package ledgerline

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	mathrand "math/rand"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	pauseMax   = 10 * time.Second
	answerMax  = 64 << 20 // bytes
	pageLength = "500"
)

// Error is a refusal, with the problem document; or no answer: then Status is 0 and Code says which kind.
//
// "unreachable": nothing was done. "outcome_unknown": a movement may have been accepted; send it again with its key.
type Error struct {
	Status  int
	Code    string
	Detail  string
	Problem Problem
	cause   error
}

func (e *Error) Error() string { return fmt.Sprintf("%s (%s)", e.Detail, e.Code) }
func (e *Error) Unwrap() error { return e.cause }

// Answer is an object of the API, and whether its idempotency key had been used before.
type Answer[T any] struct {
	Value    T
	Replayed bool
}

// Client is safe for concurrent use.
type Client struct {
	url    string
	apiKey string
	tries  int
	http   *http.Client
}

// Option sets what New leaves at its default.
type Option func(*Client)

// WithAPIKey sends the key with each request.
func WithAPIKey(key string) Option { return func(c *Client) { c.apiKey = key } }

// WithTries sets how often a call is tried that is safe to repeat: 4 times by default.
func WithTries(tries int) Option { return func(c *Client) { c.tries = tries } }

// WithHTTPClient replaces the default, which waits at most 30 s for one answer.
func WithHTTPClient(client *http.Client) Option { return func(c *Client) { c.http = client } }

// New makes a client. It does not connect yet.
func New(url string, options ...Option) *Client {
	c := &Client{url: strings.TrimRight(url, "/"), tries: 4, http: &http.Client{Timeout: 30 * time.Second}}
	for _, option := range options {
		option(c)
	}
	return c
}

// Request is any call. It is repeated if that is harmless: reads, PUT, what has a Key, and what is Repeatable.
type Request struct {
	Method     string
	Path       string // with its query, percent-encoded
	Body       any    // sent as JSON unless nil
	Key        string // sent as Idempotency-Key
	Prefer     []string
	Repeatable bool
}

// Wish changes how a movement is answered.
type Wish func(*Request)

// Wait asks for the outcome, up to so many seconds.
func Wait(seconds int) Wish {
	return func(r *Request) { r.Prefer = append(r.Prefer, "wait="+strconv.Itoa(seconds)) }
}

// Strict makes a movement that is FAILED an Error.
func Strict() Wish { return func(r *Request) { r.Prefer = append(r.Prefer, "outcome=strict") } }

// Do sends the request and reads the answer into T.
func Do[T any](ctx context.Context, c *Client, request Request) (Answer[T], error) {
	var answer Answer[T]
	var body []byte
	if request.Body != nil {
		var err error
		if body, err = json.Marshal(request.Body); err != nil {
			return answer, err
		}
	}
	tries := 1
	if request.Repeatable || request.Key != "" || request.Method == http.MethodGet || request.Method == http.MethodPut {
		tries = c.tries
	}
	for attempt := 1; ; attempt++ {
		header, err := c.send(ctx, request, body, &answer.Value)
		if err == nil {
			answer.Replayed = header.Get("Idempotent-Replayed") == "true"
			return answer, nil
		}
		var refused *Error
		if attempt >= tries || !errors.As(err, &refused) || !retried(refused.Status) {
			return answer, err
		}
		timer := time.NewTimer(pause(attempt, header.Get("Retry-After")))
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return answer, err
		}
	}
}

func (c *Client) send(ctx context.Context, request Request, body []byte, into any) (http.Header, error) {
	sent, err := http.NewRequestWithContext(ctx, request.Method, c.url+request.Path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	sent.Header.Set("Accept", "application/json")
	if body != nil {
		sent.Header.Set("Content-Type", "application/json")
	}
	if c.apiKey != "" {
		sent.Header.Set("X-API-Key", c.apiKey)
	}
	if request.Key != "" {
		sent.Header.Set("Idempotency-Key", request.Key)
	}
	if len(request.Prefer) > 0 {
		sent.Header.Set("Prefer", strings.Join(request.Prefer, ", "))
	}
	response, err := c.http.Do(sent)
	if err != nil {
		return nil, noAnswer(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, answerMax))
	if err != nil {
		return nil, noAnswer(err)
	}
	if response.StatusCode >= 300 {
		return response.Header, refusal(response.StatusCode, text)
	}
	return response.Header, json.Unmarshal(text, into)
}

func noAnswer(err error) *Error {
	code := "outcome_unknown"
	if errors.Is(err, syscall.ECONNREFUSED) {
		code = "unreachable"
	}
	return &Error{Code: code, Detail: err.Error(), cause: err}
}

func refusal(status int, text []byte) *Error {
	var problem Problem
	if json.Unmarshal(text, &problem) != nil || problem.Code == "" {
		return &Error{Status: status, Code: fmt.Sprintf("http_%d", status), Detail: "the answer is no problem document"}
	}
	return &Error{Status: status, Code: problem.Code, Detail: problem.Detail, Problem: problem}
}

func retried(status int) bool {
	switch status {
	case 0, http.StatusRequestTimeout, http.StatusTooManyRequests, http.StatusBadGateway,
		http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return false
}

// What the server asks for; otherwise longer each time, and not the same for all clients.
func pause(attempt int, retryAfter string) time.Duration {
	if seconds, err := strconv.Atoi(retryAfter); err == nil && seconds >= 0 {
		return shorter(time.Duration(seconds)*time.Second, pauseMax)
	}
	longest := shorter(100*time.Millisecond<<attempt, pauseMax)
	return longest/2 + time.Duration(mathrand.Int63n(int64(longest/2)))
}

func shorter(a, b time.Duration) time.Duration {
	if a < b {
		return a
	}
	return b
}

func newKey() string {
	var bytes [16]byte
	if _, err := rand.Read(bytes[:]); err != nil {
		panic(err) // a system without randomness
	}
	return fmt.Sprintf("%x-%x-%x-%x-%x", bytes[0:4], bytes[4:6], bytes[6:8], bytes[8:10], bytes[10:])
}

func escaped(text string) string { return url.PathEscape(text) }
