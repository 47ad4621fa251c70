package operatorapi_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/legacy"
	"github.com/google/go-cmp/cmp"

	"github.com/bursarhq/bursar/operatorapi"
)

// contract is openapi.yaml, ready to check by.
type contract struct {
	doc    *openapi3.T
	router routers.Router
}

var readContract = sync.OnceValues(func() (*contract, error) {
	doc, err := openapi3.NewLoader().LoadFromData(operatorapi.OpenAPI)
	if err != nil {
		return nil, err
	}
	doc.Servers = nil // the tests' servers have other addresses
	openapi3filter.RegisterBodyDecoder("application/yaml", openapi3filter.FileBodyDecoder)
	openapi3filter.RegisterBodyDecoder("application/schema+json", openapi3filter.JSONBodyDecoder)
	router, err := legacy.NewRouter(doc)
	return &contract{doc, router}, err
})

func theContract(t testing.TB) *contract {
	t.Helper()
	c, err := readContract()
	if err != nil {
		t.Fatalf("openapi.yaml: %v", err)
	}
	return c
}

// checkReply reports where a request that was not called wrong, or a reply, is
// not as openapi.yaml says.
func checkReply(t testing.TB, q request, got reply) {
	t.Helper()
	c := theContract(t)
	sent := q.build(t, "")
	if q.method == http.MethodHead { // as GET, less the body
		sent.Method = http.MethodGet
	}
	name := q.method + " " + q.path
	in := &openapi3filter.RequestValidationInput{
		Request: sent,
		Options: &openapi3filter.Options{AuthenticationFunc: hasKey, IncludeResponseStatus: true, SkipSettingDefaults: true},
	}
	route, params, err := c.router.FindRoute(sent)
	if in.Route, in.PathParams = route, params; err != nil {
		if got.status < 400 {
			t.Errorf("%s: %d, but openapi.yaml has no such route", name, got.status)
		}
		in.Route = &routers.Route{Spec: c.doc, Operation: c.doc.Paths.Value("/v1/batch").Post}
	} else if wrong := []int{400, 401, 413, 415, 429}; !slices.Contains(wrong, got.status) && !q.loose {
		if err := openapi3filter.ValidateRequest(context.Background(), in); err != nil {
			t.Errorf("%s: %d, but openapi.yaml says of the request: %v", name, got.status, err)
		}
	}
	if q.method == http.MethodHead {
		return
	}
	if err := openapi3filter.ValidateResponse(context.Background(), &openapi3filter.ResponseValidationInput{
		RequestValidationInput: in, Status: got.status, Header: got.header, Options: in.Options,
		Body: io.NopCloser(strings.NewReader(got.body)),
	}); err != nil {
		t.Errorf("%s: %d is not as openapi.yaml says: %v", name, got.status, err)
		return
	}
	checkShape(t, name, in.Route.Operation, got)
}

// checkShape checks what a schema can't say.
func checkShape(t testing.TB, name string, operation *openapi3.Operation, got reply) {
	t.Helper()
	described := operation.Responses.Status(got.status)
	if described == nil {
		described = operation.Responses.Default()
	}
	usual := []string{"Content-Type", "Content-Length", "Date", "Connection"}
	for header := range got.header {
		isDescribed := func(name string) bool { return http.CanonicalHeaderKey(name) == header }
		if !slices.Contains(usual, header) && !slices.ContainsFunc(slices.Collect(maps.Keys(described.Value.Headers)), isDescribed) {
			t.Errorf("%s: openapi.yaml does not describe the header %s of a %d", name, header, got.status)
		}
	}
	kind := got.header.Get("Content-Type")
	if !strings.Contains(kind, "json") {
		return
	}
	var b bytes.Buffer
	if err := json.Compact(&b, []byte(got.body)); err != nil || b.String() != got.body {
		t.Errorf("%s: the body is not compact: %q (%v)", name, got.body, err)
	}
	if !strings.HasSuffix(kind, "; charset=utf-8") {
		t.Errorf("%s: the type is %q", name, kind)
	}
	if got.status < 400 {
		return
	}
	if kind != "application/problem+json; charset=utf-8" {
		t.Errorf("%s: an error of the type %q", name, kind)
	}
	var p struct {
		Title, Code, Field, RequestID string
		Status                        int
	}
	if err := json.Unmarshal([]byte(got.body), &p); err != nil {
		t.Fatal(err)
	}
	if p.Status != got.status || p.Title != http.StatusText(got.status) || p.RequestID != got.header.Get("X-Request-Id") {
		t.Errorf("%s: a %d says %s", name, got.status, got.body)
	}
	for header, must := range map[string]bool{
		"Retry-After":      got.status == 429 || got.status == 503,
		"Allow":            got.status == 405,
		"WWW-Authenticate": got.status == 401,
	} {
		if has := got.header.Get(header) != ""; has != must {
			t.Errorf("%s: a %d has %s: %t", name, got.status, header, has)
		}
	}
	if (p.Code == "invalid_field") != (p.Field != "") {
		t.Errorf("%s: %s", name, got.body)
	}
}

// hasKey accepts a request that carries a key.
func hasKey(_ context.Context, in *openapi3filter.AuthenticationInput) error {
	scheme, token, _ := strings.Cut(in.RequestValidationInput.Request.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") || token == "" {
		return errors.New("no key")
	}
	return nil
}

func TestDescriptionIsValid(t *testing.T) {
	doc, err := openapi3.NewLoader().LoadFromData(operatorapi.OpenAPI)
	if err != nil {
		t.Fatal(err)
	}
	// Examples are checked against their schemas as well.
	if err := doc.Validate(context.Background()); err != nil {
		t.Error(err)
	}
}

func TestDescriptionIsServedToEverybody(t *testing.T) {
	h := newHouse(t, setup{})
	got := h.do(request{method: "GET", path: "/v1/openapi.yaml", secret: "-"}).expect(200)
	if got.body != string(operatorapi.OpenAPI) {
		t.Errorf("it is not the document: %.100q", got.body)
	}
	h.do(request{method: "POST", path: "/v1/openapi.yaml"}).refused(405, "method_not_allowed", "")
}

func TestRoutesAreTheDescribedOnes(t *testing.T) {
	var described []string
	for path, item := range theContract(t).doc.Paths.Map() {
		for method := range item.Operations() {
			described = append(described, method+" "+path)
		}
	}
	served := operatorapi.Routes()
	slices.Sort(described)
	slices.Sort(served)
	if diff := cmp.Diff(served, described); diff != "" {
		t.Errorf("routes (-served +described):\n%s", diff)
	}
}

func TestCodesAreTheDescribedOnes(t *testing.T) {
	served := operatorapi.Codes()
	slices.Sort(served)
	problem := theContract(t).doc.Components.Schemas["Problem"].Value
	var described []string
	for _, code := range problem.Properties["code"].Value.Enum {
		described = append(described, code.(string))
		if told := *theContract(t).doc.Components.Responses["Problem"].Value.Description; !strings.Contains(told, "`"+code.(string)+"`") {
			t.Errorf("%s is not told of", code)
		}
	}
	slices.Sort(described)
	if diff := cmp.Diff(slices.Compact(served), described); diff != "" {
		t.Errorf("codes (-served +described):\n%s", diff)
	}
}

// A schema that lets further members in would let a member be forgotten, too.
func TestSchemasAreClosed(t *testing.T) {
	for name, schema := range theContract(t).doc.Components.Schemas {
		s := schema.Value
		if s.Type == nil || !s.Type.Is("object") || name == "Metadata" || name == "Prices" {
			continue
		}
		if allowed := s.AdditionalProperties.Has; allowed == nil || *allowed {
			t.Errorf("%s is not closed", name)
		}
		for member, property := range s.Properties {
			if property.Value.Description == "" {
				t.Errorf("%s.%s is not described", name, member)
			}
		}
	}
}
