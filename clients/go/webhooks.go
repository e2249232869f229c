package ledgerline

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// WebhookTolerance is how far a webhook's time may be from now, before and after.
const WebhookTolerance = 5 * time.Minute

// ErrWebhook is what is wrong with a webhook that does not come from Ledgerline, or that is old: answer 400 and do
// nothing.
var ErrWebhook = errors.New("ledgerline: no webhook of ours")

// VerifyWebhook gives the event of a webhook, once its signature shows that it comes from Ledgerline (Standard Webhooks).
//
// body is the body as it came, not parsed. secrets: one, or several while you change from one to another. A webhook may
// come again, with the same webhook-id: remember those that you have acted on.
func VerifyWebhook(body []byte, header http.Header, secrets ...string) (Event, error) {
	return verifyWebhook(body, header, time.Now(), secrets)
}

func verifyWebhook(body []byte, header http.Header, now time.Time, secrets []string) (Event, error) {
	var event Event
	for _, name := range []string{"webhook-id", "webhook-timestamp", "webhook-signature"} {
		if header.Get(name) == "" {
			return event, fmt.Errorf("%w: the header %s is missing", ErrWebhook, name)
		}
	}
	timestamp := header.Get("webhook-timestamp")
	seconds, err := strconv.ParseInt(timestamp, 10, 64)
	if err != nil {
		return event, fmt.Errorf("%w: webhook-timestamp is no number of seconds", ErrWebhook)
	}
	if apart := now.Sub(time.Unix(seconds, 0)); apart > WebhookTolerance || apart < -WebhookTolerance {
		return event, fmt.Errorf("%w: webhook-timestamp is too far from now", ErrWebhook)
	}
	signed := append([]byte(header.Get("webhook-id")+"."+timestamp+"."), body...)
	known, err := signedByOne(signed, strings.Split(header.Get("webhook-signature"), " "), secrets)
	if err != nil {
		return event, err
	}
	if !known {
		return event, fmt.Errorf("%w: no signature is by a secret of ours", ErrWebhook)
	}
	return event, json.Unmarshal(body, &event)
}

// All are compared, so that the time taken says nothing.
func signedByOne(signed []byte, given, secrets []string) (bool, error) {
	known := false
	for _, secret := range secrets {
		key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
		if err != nil {
			return false, errors.New("ledgerline: a secret of webhooks is whsec_ and base64")
		}
		mac := hmac.New(sha256.New, key)
		mac.Write(signed)
		wanted := []byte("v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil)))
		for _, each := range given {
			known = hmac.Equal(wanted, []byte(each)) || known
		}
	}
	return known, nil
}
