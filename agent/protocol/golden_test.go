package protocol

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cardea-agent/cardea/agent/signin"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

const goldenDir = "../../testdata/protocol"

type empty struct{}

type rawNotification struct {
	JSONRPC string         `json:"jsonrpc"`
	Method  string         `json:"method"`
	Params  jsontext.Value `json:"params"`
}

// requests reads the params of a method and returns them as their type.
var requests = map[string]func(jsontext.Value) (any, *Error){
	MethodHello:                 paramsAs[HelloParams],
	MethodWatch:                 paramsAs[empty],
	MethodAuthenticate:          paramsAs[AuthenticateParams],
	MethodAttach:                paramsAs[AttachParams],
	MethodResume:                paramsAs[ResumeParams],
	MethodCancel:                paramsAs[CancelParams],
	MethodEndSession:            paramsAs[EndSessionParams],
	MethodGetSigningCertificate: paramsAs[GetSigningCertificateParams],
	MethodSign:                  paramsAs[SignParams],
}

// answers reads a result, or the params of a notification, as its type.
var answers = map[string]func(jsontext.Value) (any, error){
	MethodHello:                 as[HelloResult],
	MethodWatch:                 as[Snapshot],
	MethodAuthenticate:          as[AuthenticateResult],
	MethodAttach:                as[AttachResult],
	MethodResume:                as[ResumeResult],
	MethodCancel:                as[empty],
	MethodEndSession:            as[empty],
	MethodGetSigningCertificate: as[GetSigningCertificateResult],
	MethodSign:                  as[SignResult],
	NotifyStatus:                as[Snapshot],
	NotifyProgress:              as[ProgressParams],
	NotifySession:               as[SessionParams],
	"health":                    as[Health],
}

func paramsAs[T any](v jsontext.Value) (any, *Error) { return DecodeParams[T](v) }

func as[T any](v jsontext.Value) (any, error) {
	var t T
	err := json.Unmarshal(v, &t, json.RejectUnknownMembers(true))
	return t, err
}

// reread parses a golden message strictly and returns what it writes again.
func reread(t *testing.T, file string, data []byte) any {
	t.Helper()
	parts := strings.Split(strings.TrimSuffix(file, ".json"), ".")
	method := parts[0]
	if len(parts) == 1 {
		return must(t)(answers[method](data))
	}
	switch parts[1] {
	case "request":
		req, err := ParseRequest(data)
		if err != nil || req.Method != method {
			t.Fatalf("got method %q, %v", req.Method, err)
		}
		params, err := requests[method](req.Params)
		if err != nil {
			t.Fatal(err, err.Data.Params)
		}
		req.Params, _ = Encode(params)
		return req
	case "notification":
		n := must(t)(as[rawNotification](data)).(rawNotification)
		return Notification{n.JSONRPC, n.Method, must(t)(answers[method](n.Params))}
	}
	return rereadResponse(t, method, data)
}

func rereadResponse(t *testing.T, method string, data []byte) Response {
	t.Helper()
	var r struct {
		JSONRPC string         `json:"jsonrpc"`
		ID      jsontext.Value `json:"id"`
		Result  jsontext.Value `json:"result,omitzero"`
		Error   *Error         `json:"error,omitzero"`
	}
	if err := json.Unmarshal(data, &r, json.RejectUnknownMembers(true)); err != nil {
		t.Fatal(err)
	}
	response := Response{JSONRPC: r.JSONRPC, Error: r.Error}
	if r.ID.Kind() != 'n' {
		if err := json.Unmarshal(r.ID, &response.ID); err != nil {
			t.Fatal(err)
		}
	}
	if r.Error == nil {
		response.Result = must(t)(answers[method](r.Result))
	}
	return response
}

func must(t *testing.T) func(any, error) any {
	return func(v any, err error) any {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func TestGoldenMessagesAreReadAndWrittenUnchanged(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(goldenDir, "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, path := range files {
		name := filepath.Base(path)
		names = append(names, name)
		t.Run(name, func(t *testing.T) {
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			got, err := Encode(reread(t, name, want))
			if err != nil {
				t.Fatal(err)
			}
			pretty := jsontext.Value(got)
			if err := pretty.Indent(jsontext.SpaceAfterColon(true)); err != nil {
				t.Fatal(err)
			}
			if string(pretty)+"\n" != string(want) {
				t.Errorf("the file\n%sbecame\n%s", want, pretty)
			}
		})
	}
	for method := range requests {
		for _, kind := range []string{".request.json", ".response.json"} {
			if !slices.Contains(names, method+kind) {
				t.Errorf("%s%s is missing", method, kind)
			}
		}
	}
	for _, name := range []string{NotifyStatus, NotifyProgress, NotifySession} {
		if !slices.Contains(names, name+".notification.json") {
			t.Errorf("%s.notification.json is missing", name)
		}
	}
}

// The goldens' errors are what the table makes now, wording included.
func TestGoldenErrorsAreOfTheTable(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(goldenDir, "*.response.*.json"))
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, path := range files {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		name := filepath.Base(path)
		e := rereadResponse(t, strings.Split(name, ".")[0], data).Error
		if e == nil {
			continue
		}
		seen++
		row := Errors[signin.Code(e.Data.Code)]
		if e.Message != row.Message || e.Data.Who != string(row.Who) || e.Data.Retry != row.Retry {
			t.Errorf("%s: %+v is not of the table", name, e)
		}
	}
	if seen == 0 {
		t.Error("no golden error")
	}
}

func TestEveryMethodOfTheSourceHasAGolden(t *testing.T) {
	data, err := os.ReadFile("messages.go")
	if err != nil {
		t.Fatal(err)
	}
	methods := strings.Count(string(data), "\tMethod")
	notifications := strings.Count(string(data), "\tNotify")
	if methods != len(requests) || methods+notifications+1 != len(answers) {
		t.Errorf("%d methods and %d notifications, %d and %d tested", methods, notifications, len(requests), len(answers)-1)
	}
}
