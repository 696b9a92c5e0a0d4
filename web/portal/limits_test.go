package portal_test

import (
	"net/http"
	"strings"
	"testing"
)

func TestAFloodIsRefusedWithWordsAndReadingGoesOn(t *testing.T) {
	s := newSite(t)
	status, code := 0, ""
	for range 5000 { // more than come back meanwhile
		if status, code = s.post("/challenge", "{}"); status != http.StatusOK {
			break
		}
	}
	if status != http.StatusTooManyRequests || code != "tooManyRequests" {
		t.Fatalf("a flood ends with %d %s", status, code)
	}
	var answer *http.Response
	var text string
	for range 5000 {
		if answer, text = s.submit("/sign-in", "email", "anna@hospital.example", "password", "x"); answer.StatusCode == http.StatusTooManyRequests {
			break
		}
	}
	if answer.StatusCode != http.StatusTooManyRequests || answer.Header.Get("Retry-After") == "" || !strings.Contains(text, "Too many requests came from your network.") {
		t.Errorf("a form answers %d\n%s", answer.StatusCode, text)
	}
	if answer, _ := s.do("GET", "/", ""); answer.StatusCode != http.StatusOK {
		t.Errorf("reading is refused as well: %d", answer.StatusCode)
	}
}
