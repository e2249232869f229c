// Webhooks: which are taken and which are not. Needs no server.
package ledgerline

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"
)

// Made with openssl, so that the three clients and it agree.
const (
	hookBody      = `{"specversion":"1.0","id":"evt-1","type":"transaction.processed"}`
	hookSecret    = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX"
	hookNext      = "whsec_////////////////////////////////"
	hookSignature = "v1,JOBD6dqe2zAl8YmG1YvT3uArLFpBiWqZ1TZODL/9C78="
	hookByNext    = "v1,Krfhb/HW9PVSDmYIaF0euiasLVhhWGzAGV8bjNDrE34="
)

var hookTime = time.Unix(1764244800, 0)

// hook is a webhook that is taken, unless a test changes it.
type hook struct {
	body    string
	id      string
	at      string
	signed  string
	now     time.Time
	secrets []string
}

func goodHook() hook {
	return hook{hookBody, "evt-1", "1764244800", hookSignature, hookTime, []string{hookSecret}}
}

func (h hook) verify() (Event, error) {
	header := http.Header{}
	for name, value := range map[string]string{"webhook-id": h.id, "webhook-timestamp": h.at, "webhook-signature": h.signed} {
		if value != "" {
			header.Set(name, value)
		}
	}
	return verifyWebhook([]byte(h.body), header, h.now, h.secrets)
}

func (h hook) refused(t *testing.T, says string) {
	t.Helper()
	if _, err := h.verify(); !errors.Is(err, ErrWebhook) || !strings.Contains(err.Error(), says) {
		t.Errorf("%+v: %v, not %s", h, err, says)
	}
}

func TestOurWebhookIsTaken(t *testing.T) {
	for _, apart := range []time.Duration{-WebhookTolerance, 0, WebhookTolerance} {
		h := goodHook()
		h.now = hookTime.Add(apart)
		if event, err := h.verify(); err != nil || event.Type != "transaction.processed" {
			t.Errorf("%v: %v %v", apart, event, err)
		}
	}
}

func TestABadSignatureIsRefused(t *testing.T) {
	for _, change := range []func(*hook){
		func(h *hook) { h.body = strings.Replace(h.body, "1.0", "1.1", 1) },
		func(h *hook) { h.id = "evt-2" },
		func(h *hook) { h.at = "1764244801" },
		func(h *hook) { h.secrets = []string{hookNext} },
		func(h *hook) { h.secrets = nil },
		func(h *hook) { h.signed = "v2," + hookSignature[3:] },
		func(h *hook) { h.signed = hookSignature[3:] },
		func(h *hook) { h.signed = "v1,  x" },
	} {
		h := goodHook()
		change(&h)
		h.refused(t, "no signature")
	}
}

func TestAnOldWebhookIsRefused(t *testing.T) {
	for _, apart := range []time.Duration{-WebhookTolerance - time.Second, WebhookTolerance + time.Second} {
		h := goodHook()
		h.now = hookTime.Add(apart)
		h.refused(t, "too far")
	}
	header := http.Header{"Webhook-Id": {"evt-1"}, "Webhook-Timestamp": {"1764244800"}, "Webhook-Signature": {hookSignature}}
	if _, err := VerifyWebhook([]byte(hookBody), header, hookSecret); !errors.Is(err, ErrWebhook) {
		t.Errorf("by the clock of today: %v", err)
	}
}

func TestSecretsOfWebhooksRotate(t *testing.T) {
	for _, secrets := range [][]string{{hookSecret}, {hookNext}, {hookSecret, hookNext}} {
		h := goodHook()
		h.signed, h.secrets = hookByNext+" "+hookSignature, secrets
		if _, err := h.verify(); err != nil {
			t.Errorf("%v: %v", secrets, err)
		}
	}
	h := goodHook()
	h.signed = hookByNext
	h.refused(t, "no signature")
}

func TestWhatAWebhookLacksIsNamed(t *testing.T) {
	for name, change := range map[string]func(*hook){
		"webhook-id is missing":        func(h *hook) { h.id = "" },
		"webhook-timestamp is missing": func(h *hook) { h.at = "" },
		"webhook-signature is missing": func(h *hook) { h.signed = "" },
		"no number":                    func(h *hook) { h.at = "now" },
	} {
		h := goodHook()
		change(&h)
		h.refused(t, name)
	}
	h := goodHook()
	h.secrets = []string{"whsec_not base64"}
	if _, err := h.verify(); err == nil || errors.Is(err, ErrWebhook) {
		t.Errorf("a secret that is none: %v", err)
	}
}
