package protocol

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

const (
	testNonce   = "MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTI=" // 32 bytes
	testSession = "Ct2mVYGvVbWZ4gV1FqXr3A"
)

// wantInvalid fails unless err is an invalidRequest for field with problem.
func wantInvalid(t *testing.T, err *Error, field, problem string) {
	t.Helper()
	if err == nil {
		t.Fatalf("accepted; want the problem %s with field %q", problem, field)
	}
	got, _ := err.Data.Params["field"].(string)
	if err.Data.Code != "invalidRequest" || got != field || err.Data.Params["problem"] != problem {
		t.Fatalf("got %s %v, want invalidRequest with field %q and problem %s", err.Data.Code, err.Data.Params, field, problem)
	}
}

func TestARequestIsReadWithItsIDInOneSpelling(t *testing.T) {
	for in, want := range map[string]ID{
		`1`:                 "1",
		`-0`:                "0",
		`-9007199254740991`: "-9007199254740991",
		`"a"`:               `"a"`,
		`"\u0061"`:          `"a"`,
		`""`:                `""`,
	} {
		req, err := ParseRequest([]byte(` {"jsonrpc":"2.0", "id":` + in + `,"method":"watch","params":{"x": 1}} `))
		if err != nil {
			t.Fatalf("id %s: %v", in, err)
		}
		if req.ID != want || req.Method != "watch" || string(req.Params) != `{"x": 1}` {
			t.Errorf("id %s: got %+v", in, req)
		}
	}
}

func TestAMalformedRequestIsRefusedByName(t *testing.T) {
	tests := []struct {
		in, field, problem string
		id                 ID
		number             int
	}{
		{``, "", ProblemSyntax, "", -32700},
		{`nonsense`, "", ProblemSyntax, "", -32700},
		{`{`, "", ProblemSyntax, "", -32700},
		{`{"jsonrpc":"2.0","id":1,"method":"watch","params":{}`, "", ProblemSyntax, "", -32700},
		{`{"jsonrpc":"2.0","id":1,"method":"watch","params":{}}{}`, "", ProblemSyntax, "", -32700},
		{`{"jsonrpc":"2.0","id":1,"method":"watch","params":{},}`, "", ProblemSyntax, "", -32700},
		{"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"\xff\",\"params\":{}}", "", ProblemSyntax, "", -32700},
		{`[]`, "", ProblemBatch, "", -32600},
		{`[{"jsonrpc":"2.0","id":1,"method":"watch","params":{}}]`, "", ProblemBatch, "", -32600},
		{`null`, "", ProblemNotObject, "", -32600},
		{`"watch"`, "", ProblemNotObject, "", -32600},
		{`7`, "", ProblemNotObject, "", -32600},
		{`{}`, "jsonrpc", ProblemMissing, "", -32600},
		{`{"id":1,"method":"watch","params":{}}`, "jsonrpc", ProblemMissing, "1", -32600},
		{`{"jsonrpc":"1.0","id":1,"method":"watch","params":{}}`, "jsonrpc", ProblemBadValue, "1", -32600},
		{`{"jsonrpc":2.0,"id":1,"method":"watch","params":{}}`, "jsonrpc", ProblemWrongType, "1", -32600},
		{`{"jsonrpc":"2.0","method":"watch","params":{}}`, "id", ProblemMissing, "", -32600},
		{`{"jsonrpc":"2.0","id":null,"method":"watch","params":{}}`, "id", ProblemWrongType, "", -32600},
		{`{"jsonrpc":"2.0","id":1.5,"method":"watch","params":{}}`, "id", ProblemWrongType, "", -32600},
		{`{"jsonrpc":"2.0","id":1e3,"method":"watch","params":{}}`, "id", ProblemWrongType, "", -32600},
		{`{"jsonrpc":"2.0","id":9007199254740992,"method":"watch","params":{}}`, "id", ProblemWrongType, "", -32600},
		{`{"jsonrpc":"2.0","id":true,"method":"watch","params":{}}`, "id", ProblemWrongType, "", -32600},
		{`{"jsonrpc":"2.0","id":{},"method":"watch","params":{}}`, "id", ProblemWrongType, "", -32600},
		{`{"jsonrpc":"2.0","id":"` + strings.Repeat("x", 63) + `","method":"watch","params":{}}`, "id", ProblemWrongType, "", -32600},
		{`{"jsonrpc":"2.0","id":1,"id":2,"method":"watch","params":{}}`, "id", ProblemDuplicate, "", -32600},
		{`{"jsonrpc":"2.0","ID":1,"method":"watch","params":{}}`, "ID", ProblemUnknown, "", -32600},
		{`{"jsonrpc":"2.0","id":1,"Method":"watch","params":{}}`, "Method", ProblemUnknown, "1", -32600},
		{`{"jsonrpc":"2.0","id":1,"params":{}}`, "method", ProblemMissing, "1", -32600},
		{`{"jsonrpc":"2.0","id":1,"method":null,"params":{}}`, "method", ProblemWrongType, "1", -32600},
		{`{"jsonrpc":"2.0","id":1,"method":"watch"}`, "params", ProblemMissing, "1", -32600},
		{`{"jsonrpc":"2.0","id":1,"method":"watch","params":[]}`, "params", ProblemWrongType, "1", -32600},
		{`{"jsonrpc":"2.0","id":1,"method":"watch","params":null}`, "params", ProblemWrongType, "1", -32600},
		{`{"jsonrpc":"2.0","x":1,"id":"a","method":"watch","params":{}}`, "x", ProblemUnknown, `"a"`, -32600},
		{`{"` + strings.Repeat("ü", 100) + `":1}`, strings.Repeat("ü", 32) + "…", ProblemUnknown, "", -32600},
	}
	for _, test := range tests {
		req, err := ParseRequest([]byte(test.in))
		t.Run(test.in, func(t *testing.T) {
			wantInvalid(t, err, test.field, test.problem)
			if err.Code != test.number {
				t.Errorf("number %d, want %d", err.Code, test.number)
			}
			if req.ID != test.id || req.Method != "" || req.Params != nil {
				t.Errorf("got %+v, want only the id %s", req, test.id)
			}
		})
	}
}

func TestParamsAreRefusedByName(t *testing.T) {
	const rest = `,"timeoutSeconds":600`
	tests := []struct{ in, field, problem string }{
		{`[]`, "", ProblemBatch},
		{`{"nonce"`, "", ProblemSyntax},
		{`{}`, "nonce", ProblemMissing},
		{`{"Nonce":"` + testNonce + `"}`, "Nonce", ProblemUnknown},
		{`{"nonce":"` + testNonce + `","nonce":"` + testNonce + `"}`, "nonce", ProblemDuplicate},
		{`{"nonce":"` + testNonce + `","origin":"https://a.test"}`, "origin", ProblemUnknown},
		{`{"nonce":["` + testNonce + `"]}`, "nonce", ProblemWrongType},
		{`{"nonce":null}`, "nonce", ProblemWrongType},
		{`{"nonce":""` + rest + `}`, "nonce", ProblemBadValue},
		{`{"nonce":"` + testNonce[:40] + `"}`, "nonce", ProblemBadValue},
		{`{"nonce":"` + testNonce[:43] + `"}`, "nonce", ProblemBadValue},
		{`{"nonce":"` + testNonce[:42] + `J="}`, "nonce", ProblemBadValue}, // bits after the end
		{`{"nonce":"` + testNonce[:20] + `\n` + testNonce[20:] + `"}`, "nonce", ProblemBadValue},
		{`{"nonce":"` + testNonce[:20] + `-` + testNonce[21:] + `"}`, "nonce", ProblemBadValue},
		{`{"nonce":"` + strings.Repeat("AAAA", 33) + `"}`, "nonce", ProblemBadValue},
		{`{"nonce":"` + testNonce + `","lang":null}`, "lang", ProblemWrongType},
		{`{"nonce":"` + testNonce + `","lang":""}`, "lang", ProblemBadValue},
		{`{"nonce":"` + testNonce + `","lang":"en_GB"}`, "lang", ProblemBadValue},
		{`{"nonce":"` + testNonce + `","lang":"en-` + strings.Repeat("a-", 20) + `a"}`, "lang", ProblemBadValue},
		{`{"nonce":"` + testNonce + `","timeoutSeconds":0}`, "timeoutSeconds", ProblemBadValue},
		{`{"nonce":"` + testNonce + `","timeoutSeconds":-1}`, "timeoutSeconds", ProblemBadValue},
		{`{"nonce":"` + testNonce + `","timeoutSeconds":601}`, "timeoutSeconds", ProblemBadValue},
		{`{"nonce":"` + testNonce + `","timeoutSeconds":1.5}`, "timeoutSeconds", ProblemWrongType},
		{`{"nonce":"` + testNonce + `","timeoutSeconds":"5"}`, "timeoutSeconds", ProblemWrongType},
	}
	for _, test := range tests {
		t.Run(test.in, func(t *testing.T) {
			got, err := DecodeParams[AuthenticateParams](jsontext.Value(test.in))
			wantInvalid(t, err, test.field, test.problem)
			if got != (AuthenticateParams{}) {
				t.Errorf("got %+v next to an error", got)
			}
		})
	}
}

func TestParamsAreReadWhole(t *testing.T) {
	got, err := DecodeParams[AuthenticateParams](jsontext.Value(
		`{"nonce":"` + testNonce + `","lang":"zh-Hant-TW","timeoutSeconds":600}`))
	if err != nil {
		t.Fatal(err)
	}
	if want := (AuthenticateParams{testNonce, "zh-Hant-TW", 600}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	longest := strings.Repeat("AAAA", 32)
	if _, err := DecodeParams[AuthenticateParams](jsontext.Value(`{"nonce":"` + longest + `"}`)); err != nil {
		t.Errorf("a nonce of 128 characters: %v", err)
	}
	if _, err := DecodeParams[struct{}](jsontext.Value(`{}`)); err != nil {
		t.Errorf("no params: %v", err)
	}
	_, err = DecodeParams[struct{}](jsontext.Value(`{"x":1}`))
	wantInvalid(t, err, "x", ProblemUnknown)
}

func TestEveryParamsChecksItsValues(t *testing.T) {
	check := func(name string, params Checker, want string) {
		t.Helper()
		if got := params.Check(); got != want {
			t.Errorf("%s: field %q is wrong, want %q", name, got, want)
		}
	}
	check("hello", HelloParams{"@cardea/client 1.0.0", 1}, "")
	check("hello", HelloParams{"", 1}, "client")
	check("hello", HelloParams{"a\nb", 1}, "client")
	check("hello", HelloParams{strings.Repeat("a", 101), 1}, "client")
	check("hello", HelloParams{"x", 0}, "") // the door says that it is too old
	check("hello", HelloParams{"x", -1}, "protocol")
	check("attach", AttachParams{testSession}, "")
	check("attach", AttachParams{testSession[1:]}, "session")
	check("attach", AttachParams{testSession + "\n"}, "session")
	check("endSession", EndSessionParams{strings.Repeat("a", 128)}, "")
	check("endSession", EndSessionParams{strings.Repeat("a", 129)}, "session")
	check("resume", ResumeParams{Session: testSession, Nonce: testNonce}, "")
	check("resume", ResumeParams{Session: "a b", Nonce: testNonce}, "session")
	check("resume", ResumeParams{Session: testSession, Nonce: "x"}, "nonce")
	check("getSigningCertificate", GetSigningCertificateParams{Lang: "en_GB"}, "lang")
}

// signs is a batch that is right but for one change.
func signs(change func(*SignParams)) SignParams {
	p := SignParams{Certificate: "MIIB", Hash: "SHA-256"}
	for i := range MaxItems {
		p.Items = append(p.Items, SignItem{fmt.Sprint(i), testNonce})
	}
	change(&p)
	return p
}

func TestABatchIsCheckedByName(t *testing.T) {
	const digest48, digest31 = "QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFB", "QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQQ=="
	for name, c := range map[string]struct {
		change func(*SignParams)
		field  string
	}{
		"right":                    {func(*SignParams) {}, ""},
		"another hash":             {func(p *SignParams) { p.Hash, p.Items = "SHA-384", []SignItem{{"1", digest48}} }, ""},
		"no certificate":           {func(p *SignParams) { p.Certificate = "" }, "certificate"},
		"certificate in base64url": {func(p *SignParams) { p.Certificate = "MI-_" }, "certificate"},
		"huge certificate":         {func(p *SignParams) { p.Certificate = strings.Repeat("AAAA", MaxCertificate/3+1) }, "certificate"},
		"hash without hyphen":      {func(p *SignParams) { p.Hash = "SHA256" }, "hash"},
		"weak hash":                {func(p *SignParams) { p.Hash = "SHA-1" }, "hash"},
		"nothing":                  {func(p *SignParams) { p.Items = nil }, "items"},
		"too many":                 {func(p *SignParams) { p.Items = append(p.Items, SignItem{"more", testNonce}) }, "items"},
		"id of nothing":            {func(p *SignParams) { p.Items[7].ID = "" }, "items[7].id"},
		"the same id twice":        {func(p *SignParams) { p.Items[9].ID = "3" }, "items[9].id"},
		"long id":                  {func(p *SignParams) { p.Items[0].ID = strings.Repeat("a", MaxItemID+1) }, "items[0].id"},
		"id with a line end":       {func(p *SignParams) { p.Items[0].ID = "a\n" }, "items[0].id"},
		"short digest":             {func(p *SignParams) { p.Items[249].Digest = digest31 }, "items[249].digest"},
		"digest of other hash":     {func(p *SignParams) { p.Items[1].Digest = digest48 }, "items[1].digest"},
		"digest with line end":     {func(p *SignParams) { p.Items[1].Digest = testNonce + "\n" }, "items[1].digest"},
		"language":                 {func(p *SignParams) { p.Lang = "x" }, "lang"},
		"too long":                 {func(p *SignParams) { p.TimeoutSeconds = 601 }, "timeoutSeconds"},
	} {
		if got := signs(c.change).Check(); got != c.field {
			t.Errorf("%s: field %q is wrong, want %q", name, got, c.field)
		}
	}
	if got := signs(func(*SignParams) {}).Timeout(); got != MaxTimeout*time.Second {
		t.Errorf("250 items may take %v", got)
	}
	if got := signs(func(p *SignParams) { p.Items = p.Items[:1] }).Timeout(); got != 122*time.Second {
		t.Errorf("one item may take %v", got)
	}
}

func TestCancelNamesARequestByAnyID(t *testing.T) {
	got, err := DecodeParams[CancelParams](jsontext.Value(`{"id":"\u0061"}`))
	if err != nil || got.ID != `"a"` {
		t.Errorf("got %v, %v", got, err)
	}
	for _, id := range []string{`null`, `1.5`, `{}`, `[1]`} {
		_, err := DecodeParams[CancelParams](jsontext.Value(`{"id":` + id + `}`))
		wantInvalid(t, err, "id", ProblemWrongType)
	}
}

func TestAnAnswerWithoutAnIDSaysNull(t *testing.T) {
	got, err := Encode(Response{JSONRPC: "2.0", Error: Invalid("", ProblemBatch)})
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(string(got), `{"jsonrpc":"2.0","id":null,"error":{`) || strings.Contains(string(got), "result") {
		t.Errorf("got %s", got)
	}
}

func FuzzParseRequest(f *testing.F) {
	for _, seed := range []string{
		`{"jsonrpc":"2.0","id":1,"method":"watch","params":{}}`,
		`{"jsonrpc":"2.0","id":"\u0061","method":"cancel","params":{"id":-0}}`,
		`[{}]`, `{"id":1,"id":1}`, `{"a":{"b":[null,1e5,"\ud800"]}}`, ``,
	} {
		f.Add([]byte(seed))
	}
	examples, err := filepath.Glob("../../testdata/protocol/*.request*.json")
	if err != nil || len(examples) == 0 {
		f.Fatal("there are no examples of requests: ", err)
	}
	for _, path := range examples {
		example, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(example)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		req, err := ParseRequest(data)
		if err != nil {
			if _, encErr := Encode(Response{JSONRPC: "2.0", ID: req.ID, Error: err}); encErr != nil {
				t.Fatalf("the refusal cannot be written: %v", encErr)
			}
			return
		}
		once, encErr := Encode(req)
		if encErr != nil {
			return // names that are doubled within params are found by DecodeParams
		}
		again, err := ParseRequest(once)
		if err != nil {
			t.Fatalf("%s was accepted and then refused: %v", data, err)
		}
		if twice, _ := Encode(again); string(twice) != string(once) {
			t.Fatalf("%s became %s", once, twice)
		}
	})
}

func FuzzDecodeParams(f *testing.F) {
	f.Add([]byte(`{"session":"` + testSession + `","nonce":"` + testNonce + `","lang":"en","timeoutSeconds":5}`))
	f.Add([]byte(`{"nonce":null,"nonce":1}`))
	f.Add([]byte(`[]`))
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := DecodeParams[ResumeParams](data)
		if err != nil {
			return
		}
		if !ValidNonce(p.Nonce) || !ValidSession(p.Session) || !ValidLang(p.Lang) || p.TimeoutSeconds < 0 || p.TimeoutSeconds > MaxTimeout {
			t.Fatalf("%s was accepted as %+v", data, p)
		}
		once, encErr := Encode(p)
		if encErr != nil {
			t.Fatal(encErr)
		}
		if again, err := DecodeParams[ResumeParams](once); err != nil || again != p {
			t.Fatalf("%s became %+v, %v", once, again, err)
		}
	})
}
