// The client against a real server: LEDGERLINE_URL, behind the proxy with faults: FLAKY_URL.
package ledgerline

import (
	"context"
	"errors"
	"os"
	"testing"
)

type fixture struct {
	*testing.T
	ctx     context.Context
	client  *Client
	account Account
	name    string
}

func begin(t *testing.T) *fixture {
	t.Helper()
	f := &fixture{T: t, ctx: context.Background(), client: New(os.Getenv("LEDGERLINE_URL")), name: "go-" + newKey()}
	made, err := f.client.CreateAccount(f.ctx, NewAccount{Currency: "EUR", Reference: &f.name}, "")
	f.must(err)
	f.account = made.Value
	return f
}

func (f *fixture) must(err error) {
	f.Helper()
	if err != nil {
		f.Fatal(err)
	}
}

func (f *fixture) equal(got, want any) {
	f.Helper()
	if got != want {
		f.Errorf("got %v, not %v", got, want)
	}
}

func (f *fixture) credit(client *Client, cents int64, key *string) (Answer[Transaction], error) {
	return client.CreateTransaction(f.ctx, NewTransaction{AccountID: &f.account.ID, Type: "CREDIT", AmountCents: cents,
		Currency: "EUR", IdempotencyKey: key}, Wait(10))
}

func (f *fixture) balance() int64 {
	f.Helper()
	account, err := f.client.GetAccount(f.ctx, f.account.ID)
	f.must(err)
	return account.Value.BalanceCents
}

func refusedAs(err error) *Error {
	var refused *Error
	if errors.As(err, &refused) {
		return refused
	}
	return &Error{Code: "no error of ours"}
}

func flaky(fault string, options ...Option) *Client {
	return New(os.Getenv("FLAKY_URL")+fault, options...)
}

func TestMoneyMoves(t *testing.T) {
	f := begin(t)
	paid, err := f.credit(f.client, 100, nil)
	f.must(err)
	f.equal(paid.Value.Status, "PROCESSED")
	other, err := f.client.EnsureAccount(f.ctx, f.name+"-other", EnsuredAccount{Currency: "EUR"})
	f.must(err)
	moved, err := f.client.CreateTransfer(f.ctx, NewTransfer{Legs: []NewLeg{{FromReference: &f.name,
		ToAccountID: &other.Value.ID, AmountCents: 40, Currency: "EUR"}}}, Wait(10))
	f.must(err)
	f.equal(moved.Value.Status, "PROCESSED")
	hold, err := f.client.CreateHold(f.ctx, NewHold{AccountID: &f.account.ID, AmountCents: 50, Currency: "EUR"}, Wait(10))
	f.must(err)
	captured := int64(20)
	_, err = f.client.Capture(f.ctx, hold.Value.ID, NewCapture{AmountCents: &captured}, Wait(10))
	f.must(err)
	_, err = f.client.Reverse(f.ctx, moved.Value.ID, NewReversal{}, Wait(10))
	f.must(err)
	f.equal(f.balance(), int64(80))
	found, err := f.client.FindAccount(f.ctx, f.name)
	f.must(err)
	f.equal(found.Value.ID, f.account.ID)
}

func TestWhatIsUnavailableIsTriedAgain(t *testing.T) {
	f := begin(t)
	paid, err := f.credit(flaky("/unavailable"), 100, nil)
	f.must(err)
	f.equal(paid.Value.Status, "PROCESSED")
	_, err = flaky("/unavailable").GetAccount(f.ctx, f.account.ID)
	f.must(err)
}

func TestWhatMayHaveHappenedHappensOnce(t *testing.T) {
	f := begin(t)
	for i, fault := range []string{"/unknown", "/cut"} {
		paid, err := f.credit(flaky(fault), 100, nil)
		f.must(err)
		f.equal(paid.Replayed, true)
		f.equal(f.balance(), int64(100*(i+1)))
	}
}

func TestACallWithoutAKeyIsNotRepeated(t *testing.T) {
	f := begin(t)
	_, err := flaky("/unavailable").ChangeAccount(f.ctx, f.account.ID, AccountChange{Reason: &f.name})
	f.equal(refusedAs(err).Code, "overloaded")
}

func TestAKeyIsUsedOnce(t *testing.T) {
	f := begin(t)
	key := "k"
	first, err := f.credit(f.client, 100, &key)
	f.must(err)
	again, err := f.credit(f.client, 100, &key)
	f.must(err)
	f.equal(again.Value.ID, first.Value.ID)
	f.equal(first.Replayed, false)
	f.equal(again.Replayed, true)
	_, err = f.credit(f.client, 7, &key)
	f.equal(refusedAs(err).Code, "idempotency_key_reused")
	f.equal(refusedAs(err).Status, 422)
}

func TestListsGoOverPages(t *testing.T) {
	f := begin(t)
	var items []NewTransaction
	for n := int64(1); n <= 25; n++ {
		items = append(items, NewTransaction{AccountID: &f.account.ID, Type: "CREDIT", AmountCents: n, Currency: "EUR"})
	}
	results, err := f.client.CreateTransactions(f.ctx, items)
	f.must(err)
	for _, result := range results {
		f.equal(result.Status, int64(201))
	}
	next := int64(25)
	filters := Filters{"account_id": f.account.ID, "limit": "10"}
	f.must(f.client.EachTransaction(f.ctx, filters, func(each Transaction) bool {
		f.equal(each.AmountCents, next)
		next--
		return true
	}))
	f.equal(next, int64(0))
}

func TestErrorsSayWhatIsWrong(t *testing.T) {
	f := begin(t)
	_, err := f.client.CreateAccount(f.ctx, NewAccount{Currency: "EURO"}, "")
	wrong := refusedAs(err)
	f.equal(wrong.Status, 400)
	f.equal(*wrong.Problem.Field, "currency")
	_, err = f.client.CreateTransaction(f.ctx, NewTransaction{AccountID: &f.account.ID, Type: "DEBIT", AmountCents: 1,
		Currency: "EUR"}, Wait(10), Strict())
	f.equal(refusedAs(err).Code, "insufficient_balance")
	f.equal(refusedAs(err).Problem.Transaction.Status, "FAILED")
	_, err = New("http://127.0.0.1:1", WithTries(1)).GetAccount(f.ctx, "x")
	f.equal(refusedAs(err).Code, "unreachable")
}
