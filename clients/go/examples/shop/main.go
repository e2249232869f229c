// A small shop, in Go: go run ./examples/shop URL NAME. What it prints is in clients/examples/shop.txt. It can be run
// again: nothing happens twice.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"

	"ledgerline"
)

var places = []string{"customer", "till", "fees"}

type shop struct {
	ctx    context.Context
	client *ledgerline.Client
	name   string
}

func open(address, name string) *shop {
	s := &shop{context.Background(), ledgerline.New(address), name}
	for _, one := range places {
		_, err := s.client.EnsureAccount(s.ctx, *s.reference(one), ledgerline.EnsuredAccount{Currency: "EUR"})
		must(err)
	}
	return s
}

func (s *shop) reference(one string) *string {
	text := s.name + "-" + one
	return &text
}

func (s *shop) leg(source, target string, cents int64) ledgerline.NewLeg {
	leg := ledgerline.NewLeg{ToReference: s.reference(target), AmountCents: cents, Currency: "EUR"}
	if outside := true; source == "outside" {
		leg.FromExternal = &outside
	} else {
		leg.FromReference = s.reference(source)
	}
	return leg
}

func (s *shop) topUp(number int, cents int64) (ledgerline.Answer[ledgerline.Transaction], error) {
	return s.client.CreateTransfer(s.ctx, ledgerline.NewTransfer{
		Legs:           []ledgerline.NewLeg{s.leg("outside", "customer", cents)},
		IdempotencyKey: s.reference(fmt.Sprintf("top-up-%d", number)),
	}, ledgerline.Wait(30))
}

// The customer pays, and the fee is taken, or neither. The key is the order's: it is paid once.
func (s *shop) sell(number int, cents, fee int64) (ledgerline.Answer[ledgerline.Transaction], error) {
	text := fmt.Sprintf("order %d", number)
	return s.client.CreateTransfer(s.ctx, ledgerline.NewTransfer{
		Legs:           []ledgerline.NewLeg{s.leg("customer", "till", cents), s.leg("till", "fees", fee)},
		IdempotencyKey: s.reference(fmt.Sprintf("order-%d", number)), Reference: &text,
	}, ledgerline.Wait(30), ledgerline.Strict())
}

func (s *shop) reserve(number int, cents int64) (ledgerline.Answer[ledgerline.Hold], error) {
	return s.client.CreateHold(s.ctx, ledgerline.NewHold{
		AccountReference: s.reference("customer"), ToReference: s.reference("till"), AmountCents: cents, Currency: "EUR",
		IdempotencyKey: s.reference(fmt.Sprintf("order-%d", number)),
	}, ledgerline.Wait(30), ledgerline.Strict())
}

// What was not sent after all goes back to the customer.
func (s *shop) ship(number int, hold string, cents int64) (ledgerline.Answer[ledgerline.Transaction], error) {
	final := true
	return s.client.Capture(s.ctx, hold, ledgerline.NewCapture{
		AmountCents: &cents, Final: &final, IdempotencyKey: s.reference(fmt.Sprintf("order-%d-shipped", number)),
	}, ledgerline.Wait(30), ledgerline.Strict())
}

func (s *shop) refund(number int, paid string, cents int64) (ledgerline.Answer[ledgerline.Transaction], error) {
	reason := "it broke"
	return s.client.Reverse(s.ctx, paid, ledgerline.NewReversal{
		AmountCents: &cents, Reason: &reason, IdempotencyKey: s.reference(fmt.Sprintf("order-%d-refund", number)),
	}, ledgerline.Wait(30), ledgerline.Strict())
}

func (s *shop) account(one string) ledgerline.Account {
	found, err := s.client.FindAccount(s.ctx, *s.reference(one))
	must(err)
	return found.Value
}

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func main() {
	s := open(os.Args[1], os.Args[2])
	toppedUp, err := s.topUp(1, 5000)
	must(err)
	fmt.Println("top-up:", toppedUp.Value.Status)
	first, err := s.sell(1, 3000, 150)
	must(err)
	fmt.Println("order 1:", first.Value.Status)
	var refused *ledgerline.Error
	if _, err = s.sell(2, 4000, 200); errors.As(err, &refused) {
		fmt.Println("order 2:", refused.Code)
	}
	hold, err := s.reserve(3, 2000)
	must(err)
	shipped, err := s.ship(3, hold.Value.ID, 1500)
	must(err)
	fmt.Println("order 3:", shipped.Value.Status)
	refunded, err := s.refund(3, shipped.Value.ID, 500)
	must(err)
	fmt.Println("refund:", refunded.Value.Status)
	again, err := s.sell(1, 3000, 150)
	must(err)
	fmt.Println("order 1 again, replayed:", again.Replayed)
	for _, one := range places {
		fmt.Printf("%s: %d\n", one, s.account(one).BalanceCents)
	}
	fmt.Print("statement:")
	oldestFirst := ledgerline.Filters{"order": "asc"}
	must(s.client.EachEntry(s.ctx, s.account("customer").ID, oldestFirst, func(entry ledgerline.Entry) bool {
		fmt.Print(" ", entry.NetCents)
		return true
	}))
	fmt.Println()
}
