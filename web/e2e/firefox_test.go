//go:build linux

package e2e

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// firefoxSettings are the preferences of its profile. Without the last ones it
// looks for a network that is not there.
var firefoxSettings = map[string]any{
	"network.dns.localDomains":                              listedName + "," + unlistedName,
	"network.dns.disableIPv6":                               true, // the sites are on 127.0.0.1 alone
	"intl.accept_languages":                                 "en-GB",
	"signon.rememberSignons":                                false,
	"browser.aboutwelcome.enabled":                          false,
	"browser.shell.checkDefaultBrowser":                     false,
	"browser.startup.page":                                  0,
	"datareporting.policy.dataSubmissionEnabled":            false,
	"app.normandy.enabled":                                  false,
	"services.settings.server":                              "data:,#remote-settings-dummy/v1",
	"network.captive-portal-service.enabled":                false,
	"network.connectivity-service.enabled":                  false,
	"browser.safebrowsing.malware.enabled":                  false,
	"browser.safebrowsing.phishing.enabled":                 false,
	"toolkit.telemetry.reportingpolicy.firstRun":            false,
	"browser.newtabpage.activity-stream.feeds.asrouterfeed": false,
}

// firefox is a Firefox with windows on the desk's screen, spoken to by WebDriver
// BiDi.
//
// It asks nobody before a page reaches this computer: the sites of the tests are
// on this computer themselves, and it knows no header that says otherwise. So
// the scenes about that question are Chromium's.
type firefox struct{ *bidi }

func (d *desk) startFirefox(path string) (browser, error) {
	profile := filepath.Join(d.dir, "firefox")
	if err := os.Mkdir(profile, 0o700); err != nil {
		return nil, err
	}
	var settings strings.Builder
	for _, name := range slices.Sorted(maps.Keys(firefoxSettings)) {
		value, err := json.Marshal(firefoxSettings[name])
		if err != nil {
			return nil, err
		}
		fmt.Fprintf(&settings, "user_pref(%q, %s);\n", name, value)
	}
	if err := os.WriteFile(filepath.Join(profile, "user.js"), []byte(settings.String()), 0o600); err != nil {
		return nil, err
	}
	if err := d.trust.install(profile); err != nil {
		return nil, err
	}
	p, err := d.run(path, "--profile", profile, "--new-instance", "--remote-debugging-port=0",
		"--width", "1000", "--height", "880", "about:blank")
	if err != nil {
		return nil, err
	}
	line, err := p.wrote("WebDriver BiDi listening on ws://")
	if err != nil {
		return nil, err
	}
	_, address, _ := strings.Cut(line, " on ")
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	console := d.log("console-firefox")
	b, err := dialBiDi(ctx, strings.TrimSpace(address), func(_ string, params json.RawMessage) {
		_, _ = console.Write(append(params, '\n'))
	})
	if err != nil {
		return nil, err
	}
	return firefox{b}, b.call(ctx, "session.subscribe", object{"events": []string{"log.entryAdded"}}, nil)
}

func (firefox) name() string { return "Firefox" }

func (f firefox) newTab(ctx context.Context, _ io.Writer) (tab, error) {
	var made struct{ UserContext, Context string }
	if err := f.call(ctx, "browser.createUserContext", object{}, &made); err != nil {
		return nil, err
	}
	t := &firefoxTab{bidi: f.bidi, profile: made.UserContext}
	err := f.call(ctx, "browsingContext.create", object{"type": "window", "userContext": t.profile}, &made)
	t.id = made.Context
	return t, err
}

// firefoxTab is a browsing context of a user context of its own.
type firefoxTab struct {
	*bidi
	profile, id string
}

func (t *firefoxTab) open(ctx context.Context, url string) error {
	return t.call(ctx, "browsingContext.navigate", object{"context": t.id, "url": url, "wait": "complete"}, nil)
}

// remoteValue is a value of the page's, as the protocol sends it.
type remoteValue struct {
	Type     string
	Value    json.RawMessage
	SharedID string
}

// run evaluates an expression.
func (t *firefoxTab) run(ctx context.Context, expression string) (remoteValue, error) {
	var answer struct {
		Type             string
		Result           remoteValue
		ExceptionDetails struct{ Text string }
	}
	err := t.call(ctx, "script.evaluate", object{
		"expression": expression, "target": object{"context": t.id}, "awaitPromise": true,
		"resultOwnership": "none", "userActivation": false,
	}, &answer)
	if err == nil && answer.Type != "success" {
		err = fmt.Errorf("%s: %s", expression, answer.ExceptionDetails.Text)
	}
	return answer.Result, err
}

func (t *firefoxTab) evaluate(ctx context.Context, expression string, value any) error {
	result, err := t.run(ctx, expression)
	if err != nil {
		return err
	}
	switch result.Type {
	case "string", "number", "boolean":
		return json.Unmarshal(result.Value, value)
	}
	return fmt.Errorf("%s is of type %s", expression, result.Type)
}

func (t *firefoxTab) click(ctx context.Context, selector string) error {
	element, err := t.run(ctx, fmt.Sprintf(`{
		const e = document.querySelector(%q);
		e?.scrollIntoView({block: "center", behavior: "instant"});
		e?.checkVisibility() ? e : null
	}`, selector))
	if err != nil {
		return err
	}
	if element.Type != "node" {
		return errNotThere
	}
	err = t.call(ctx, "input.performActions", object{"context": t.id, "actions": []object{{
		"type": "pointer", "id": "mouse", "parameters": object{"pointerType": "mouse"},
		"actions": []object{
			{"type": "pointerMove", "x": 0, "y": 0, "origin": object{"type": "element", "element": object{"sharedId": element.SharedID}}},
			{"type": "pointerDown", "button": 0},
			{"type": "pointerUp", "button": 0},
		},
	}}}, nil)
	if e, is := errors.AsType[*bidiError](err); is && slices.Contains([]string{"move target out of bounds", "no such node"}, e.code) {
		return errNotThere // the page changed meanwhile
	}
	return err
}

func (t *firefoxTab) beforeEach(ctx context.Context, script string) error {
	return t.call(ctx, "script.addPreloadScript", object{
		"functionDeclaration": "() => {" + script + "}", "contexts": []string{t.id},
	}, nil)
}

func (t *firefoxTab) picture(ctx context.Context) ([]byte, error) {
	var made struct{ Data string }
	if err := t.call(ctx, "browsingContext.captureScreenshot", object{"context": t.id}, &made); err != nil {
		return nil, err
	}
	return base64.StdEncoding.DecodeString(made.Data)
}

func (t *firefoxTab) opened(ctx context.Context) (tab, error) {
	var all struct {
		Contexts []struct{ Context, UserContext string }
	}
	if err := t.call(ctx, "browsingContext.getTree", object{"maxDepth": 0}, &all); err != nil {
		return nil, err
	}
	for _, other := range all.Contexts {
		if other.UserContext == t.profile && other.Context != t.id {
			return &openedFirefoxTab{firefoxTab{t.bidi, t.profile, other.Context}}, nil
		}
	}
	return nil, nil
}

// close closes all that was opened in the tab's user context, too.
func (t *firefoxTab) close() {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	// It fails when it was closed before.
	_ = t.call(ctx, "browser.removeUserContext", object{"userContext": t.profile}, nil)
}

// openedFirefoxTab is a tab beside the one whose user context it is in.
type openedFirefoxTab struct{ firefoxTab }

func (t *openedFirefoxTab) close() {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	_ = t.call(ctx, "browsingContext.close", object{"context": t.id}, nil)
}
