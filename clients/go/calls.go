package ledgerline

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
)

// Filters are the query parameters of a list.
type Filters map[string]string

func call[T any](ctx context.Context, c *Client, method, path string, body any) (Answer[T], error) {
	return Do[T](ctx, c, Request{Method: method, Path: path, Body: body})
}

// CreateAccount makes an account. key is its idempotency key; "" makes a new one.
func (c *Client) CreateAccount(ctx context.Context, account NewAccount, key string) (Answer[Account], error) {
	if key == "" {
		key = newKey()
	}
	return Do[Account](ctx, c, Request{Method: http.MethodPost, Path: "/v1/accounts", Body: account, Key: key})
}

// EnsureAccount makes the account with that reference unless it is there.
func (c *Client) EnsureAccount(ctx context.Context, reference string, account EnsuredAccount) (Answer[Account], error) {
	return call[Account](ctx, c, http.MethodPut, "/v1/accounts/by-reference/"+escaped(reference), account)
}

func (c *Client) GetAccount(ctx context.Context, id string) (Answer[Account], error) {
	return call[Account](ctx, c, http.MethodGet, "/v1/accounts/"+escaped(id), nil)
}

func (c *Client) FindAccount(ctx context.Context, reference string) (Answer[Account], error) {
	return call[Account](ctx, c, http.MethodGet, "/v1/accounts/by-reference/"+escaped(reference), nil)
}

// ChangeAccount is never repeated: it has no key.
func (c *Client) ChangeAccount(ctx context.Context, id string, change AccountChange) (Answer[Account], error) {
	return call[Account](ctx, c, http.MethodPatch, "/v1/accounts/"+escaped(id), change)
}

func (c *Client) GetBalance(ctx context.Context, id string) (Answer[Balance], error) {
	return call[Balance](ctx, c, http.MethodGet, "/v1/accounts/"+escaped(id)+"/balance", nil)
}

// Movements: without an IdempotencyKey a new one is made, which stays the same while it is tried again.

func (c *Client) CreateTransaction(ctx context.Context, t NewTransaction, wishes ...Wish) (Answer[Transaction], error) {
	t.IdempotencyKey = keyOf(t.IdempotencyKey)
	return move[Transaction](ctx, c, "/v1/transactions", t, wishes)
}

func (c *Client) CreateTransfer(ctx context.Context, t NewTransfer, wishes ...Wish) (Answer[Transaction], error) {
	t.IdempotencyKey = keyOf(t.IdempotencyKey)
	return move[Transaction](ctx, c, "/v1/transfers", t, wishes)
}

func (c *Client) Reverse(ctx context.Context, id string, r NewReversal, wishes ...Wish) (Answer[Transaction], error) {
	r.IdempotencyKey = keyOf(r.IdempotencyKey)
	return move[Transaction](ctx, c, "/v1/transactions/"+escaped(id)+"/reverse", r, wishes)
}

func (c *Client) CreateHold(ctx context.Context, hold NewHold, wishes ...Wish) (Answer[Hold], error) {
	hold.IdempotencyKey = keyOf(hold.IdempotencyKey)
	return move[Hold](ctx, c, "/v1/holds", hold, wishes)
}

func (c *Client) Capture(ctx context.Context, holdID string, capture NewCapture, wishes ...Wish) (Answer[Transaction], error) {
	capture.IdempotencyKey = keyOf(capture.IdempotencyKey)
	return move[Transaction](ctx, c, "/v1/holds/"+escaped(holdID)+"/capture", capture, wishes)
}

func (c *Client) Release(ctx context.Context, holdID string, release NewRelease, wishes ...Wish) (Answer[Transaction], error) {
	release.IdempotencyKey = keyOf(release.IdempotencyKey)
	return move[Transaction](ctx, c, "/v1/holds/"+escaped(holdID)+"/release", release, wishes)
}

// CreateTransactions has one result for each item, in order: each is accepted or refused alone.
func (c *Client) CreateTransactions(ctx context.Context, items []NewTransaction) ([]BatchResult, error) {
	keyed := make([]any, len(items))
	for i, item := range items {
		item.IdempotencyKey = keyOf(item.IdempotencyKey)
		keyed[i] = item
	}
	answer, err := Do[BatchResults](ctx, c, Request{Method: http.MethodPost, Path: "/v1/transactions/batch",
		Body: NewTransactions{Transactions: keyed}, Repeatable: true})
	return answer.Value.Results, err
}

func (c *Client) GetTransaction(ctx context.Context, id string) (Answer[Transaction], error) {
	return call[Transaction](ctx, c, http.MethodGet, "/v1/transactions/"+escaped(id), nil)
}

func (c *Client) GetHold(ctx context.Context, id string) (Answer[Hold], error) {
	return call[Hold](ctx, c, http.MethodGet, "/v1/holds/"+escaped(id), nil)
}

func move[T any](ctx context.Context, c *Client, path string, body any, wishes []Wish) (Answer[T], error) {
	request := Request{Method: http.MethodPost, Path: path, Body: body, Repeatable: true}
	for _, wish := range wishes {
		wish(&request)
	}
	return Do[T](ctx, c, request)
}

func keyOf(given *string) *string {
	if given != nil {
		return given
	}
	key := newKey()
	return &key
}

// Each calls visit with every object of a list, page by page, until it returns false. A page may be empty although more
// follow.
func Each[T any](ctx context.Context, c *Client, path, member string, filters Filters, visit func(T) bool) error {
	query := url.Values{"limit": {pageLength}}
	for name, value := range filters {
		query.Set(name, value)
	}
	for {
		answer, err := call[map[string]json.RawMessage](ctx, c, http.MethodGet, path+"?"+query.Encode(), nil)
		if err != nil {
			return err
		}
		var objects []T
		if err := json.Unmarshal(answer.Value[member], &objects); err != nil {
			return err
		}
		for _, object := range objects {
			if !visit(object) {
				return nil
			}
		}
		var cursor string // "" for null
		if next, ok := answer.Value["next_cursor"]; ok {
			if err := json.Unmarshal(next, &cursor); err != nil {
				return err
			}
		}
		if cursor == "" {
			return nil
		}
		query.Set("cursor", cursor)
	}
}

func (c *Client) EachAccount(ctx context.Context, filters Filters, visit func(Account) bool) error {
	return Each(ctx, c, "/v1/accounts", "accounts", filters, visit)
}

func (c *Client) EachEntry(ctx context.Context, accountID string, filters Filters, visit func(Entry) bool) error {
	return Each(ctx, c, "/v1/accounts/"+escaped(accountID)+"/entries", "entries", filters, visit)
}

func (c *Client) EachTransaction(ctx context.Context, filters Filters, visit func(Transaction) bool) error {
	return Each(ctx, c, "/v1/transactions", "transactions", filters, visit)
}

func (c *Client) EachHold(ctx context.Context, filters Filters, visit func(Hold) bool) error {
	return Each(ctx, c, "/v1/holds", "holds", filters, visit)
}
