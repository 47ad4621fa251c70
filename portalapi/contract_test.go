package portalapi_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"maps"
	"mime"
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

	"github.com/bursarhq/bursar/portalapi"
)

// contract is openapi.yaml, ready to check by.
type contract struct {
	doc    *openapi3.T
	router routers.Router
}

var readContract = sync.OnceValues(func() (*contract, error) {
	doc, err := openapi3.NewLoader().LoadFromData(portalapi.OpenAPI)
	if err != nil {
		return nil, err
	}
	doc.Servers = nil // the tests' servers have other addresses
	openapi3filter.RegisterBodyDecoder("image/png", openapi3filter.FileBodyDecoder)
	openapi3filter.RegisterBodyDecoder("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", openapi3filter.FileBodyDecoder)
	router, err := legacy.NewRouter(doc)
	return &contract{doc, router}, err
})

func theContract(t *testing.T) *contract {
	t.Helper()
	c, err := readContract()
	if err != nil {
		t.Fatalf("openapi.yaml: %v", err)
	}
	return c
}

// route returns what openapi.yaml says of a request's path; nil when it has no
// such path. The answer to methods that a path does not take is with those that
// it takes.
func (c *contract) route(r *http.Request) (*routers.Route, map[string]string) {
	plain := r.Clone(context.Background())
	switch path := strings.ToLower(r.URL.Path); {
	case strings.HasPrefix(path, "/api/"):
		plain.URL.Path = strings.TrimRight(path, "/")
	case strings.HasSuffix(path, "/payment.ashx"):
		plain.URL.Path = "/payment.ashx"
	}
	for _, plain.Method = range []string{r.Method, http.MethodGet, http.MethodPost, http.MethodPut, http.MethodDelete} {
		if route, params, err := c.router.FindRoute(plain); err == nil {
			return route, params
		}
	}
	return nil, nil
}

// checkReply reports where a request or its reply is not as openapi.yaml says.
func checkReply(t *testing.T, q request, got reply) {
	t.Helper()
	c := theContract(t)
	route, params := c.route(got.request)
	if route == nil {
		c.checkNoRoute(t, got)
		return
	}
	in := &openapi3filter.RequestValidationInput{
		Request: got.request, PathParams: params, Route: route,
		Options: &openapi3filter.Options{
			AuthenticationFunc: hasKey, IncludeResponseStatus: true, SkipSettingDefaults: true,
		},
	}
	if wrong, known := isWrong(got); known && !q.loose {
		err := openapi3filter.ValidateRequest(context.Background(), in)
		if (err != nil) != wrong {
			t.Errorf("%s %s: %d, but openapi.yaml says of the request: %v", got.request.Method, got.request.URL, got.status, err)
		}
	}
	c.checkResponse(t, in, got)
}

// isWrong reports whether a reply says that the request is not as openapi.yaml
// wants it; known is false for a reply that does not tell.
func isWrong(got reply) (wrong, known bool) {
	switch got.status {
	case http.StatusOK, http.StatusPaymentRequired, http.StatusConflict, http.StatusUnprocessableEntity:
		return false, true
	case http.StatusBadRequest: // what the action says of an argument comes after validation
		return strings.HasPrefix(got.header.Get("Content-Type"), "application/problem+json"), true
	case http.StatusUnauthorized: // of keys that are sent, only the portal can tell
		return true, !strings.Contains(got.header.Get("WWW-Authenticate"), "invalid_token")
	}
	return false, false
}

// hasKey accepts a request that carries a key the way a security scheme says.
func hasKey(_ context.Context, in *openapi3filter.AuthenticationInput) error {
	authorization := in.RequestValidationInput.Request.Header.Get("Authorization")
	scheme, token, _ := strings.Cut(authorization, " ")
	ok := false
	switch in.SecuritySchemeName {
	case "bearerKey":
		ok = strings.EqualFold(scheme, "Bearer") && token != ""
	case "rawKey":
		ok = scheme != "" && token == ""
	case "headerKey":
		ok = in.RequestValidationInput.Request.Header.Get("ApiKeyBearer") != ""
	}
	if !ok {
		return errors.New("no key")
	}
	return nil
}

func (c *contract) checkResponse(t *testing.T, in *openapi3filter.RequestValidationInput, got reply) {
	t.Helper()
	name := got.request.Method + " " + got.request.URL.String()
	err := openapi3filter.ValidateResponse(context.Background(), &openapi3filter.ResponseValidationInput{
		RequestValidationInput: in, Status: got.status, Header: got.header, Options: in.Options,
		Body: io.NopCloser(strings.NewReader(got.body)),
	})
	if err != nil {
		t.Errorf("%s: not as openapi.yaml says: %v", name, err)
		return
	}
	described := in.Route.Operation.Responses.Status(got.status).Value
	if isHead := got.request.Method == http.MethodHead; (len(described.Content) == 0 || isHead) && got.body != "" {
		t.Errorf("%s: %d has a body: %q", name, got.status, got.body)
	}
	if len(described.Content) == 0 && got.header.Get("Content-Type") != "" {
		t.Errorf("%s: %d has no body, but the type %s", name, got.status, got.header.Get("Content-Type"))
	}
	usual := []string{"Content-Type", "Content-Length", "Date"}
	for header := range got.header {
		isDescribed := func(name string) bool { return http.CanonicalHeaderKey(name) == header }
		if !slices.Contains(usual, header) && !slices.ContainsFunc(slices.Collect(maps.Keys(described.Headers)), isDescribed) {
			t.Errorf("%s: openapi.yaml does not describe the header %s of a %d", name, header, got.status)
		}
	}
	mediaType, params, _ := mime.ParseMediaType(got.header.Get("Content-Type"))
	if strings.HasSuffix(mediaType, "json") && params["charset"] != "utf-8" {
		t.Errorf("%s: the type is %q, without charset=utf-8", name, got.header.Get("Content-Type"))
	}
	if strings.HasSuffix(mediaType, "json") && got.body != "" {
		same(t, compact(t, got.body), got.body)
		if status := decode[struct{ StatusCode int }](t, got.body).StatusCode; status != got.status {
			t.Errorf("%s: %d says that it is a %d", name, got.status, status)
		}
	}
}

// checkNoRoute checks the reply for a path that openapi.yaml does not have.
func (c *contract) checkNoRoute(t *testing.T, got reply) {
	t.Helper()
	operation := c.doc.Paths.Value(apiBase + "quota").Get
	in := &openapi3filter.RequestValidationInput{
		Request: got.request, Route: &routers.Route{Spec: c.doc, Operation: operation},
		Options: &openapi3filter.Options{IncludeResponseStatus: true},
	}
	if got.status != http.StatusNotFound && got.status != http.StatusTooManyRequests {
		t.Errorf("%s %s: %d, but openapi.yaml has no such path", got.request.Method, got.request.URL, got.status)
	}
	c.checkResponse(t, in, got)
}

func TestDescriptionIsValid(t *testing.T) {
	doc, err := openapi3.NewLoader().LoadFromData(portalapi.OpenAPI)
	if err != nil {
		t.Fatal(err)
	}
	// Examples are checked against their schemas as well.
	if err := doc.Validate(context.Background()); err != nil {
		t.Error(err)
	}
}

func TestDescriptionIsServed(t *testing.T) {
	h := newHouse(t, setup{})
	if got := h.do(request{path: "/openapi.yaml"}); !bytes.Equal([]byte(got.body), portalapi.OpenAPI) {
		t.Errorf("%d, and not the document: %.100q", got.status, got.body)
	}
}

func TestRoutesAreTheDescribedOnes(t *testing.T) {
	h := newHouse(t, setup{})
	var described []string
	for path, item := range theContract(t).doc.Paths.Map() {
		for method := range item.Operations() {
			q := request{method: method, path: strings.Replace(path, "{picture}", "48-48.png", 1)}
			if strings.HasPrefix(path, "/api/") {
				described = append(described, method+" "+path)
				c := callOf(t, method+" "+path)
				if c.card {
					h := newHouse(t, setup{})
					h.payByCard()
					h.do(h.ownersRequest(c)).wants(t, http.StatusOK, "")
					continue
				}
				q = h.ownersRequest(c)
			}
			if path == "/payment.ashx" {
				continue // which is no page of its own: see its own tests
			}
			if got := h.do(q); got.status != http.StatusOK {
				t.Errorf("%s %s is described, but answers %d %s", method, path, got.status, got.body)
			}
		}
	}
	routes := portalapi.Routes()
	slices.Sort(described)
	slices.Sort(routes)
	if diff := cmp.Diff(routes, described); diff != "" {
		t.Errorf("routes (-served +described):\n%s", diff)
	}
}

// A schema that lets further members in would let a member be forgotten, too.
func TestSchemasAreClosed(t *testing.T) {
	doc := theContract(t).doc
	isAsked := schemasAsked(doc)
	for name, schema := range doc.Components.Schemas {
		s := schema.Value
		if !s.Type.Is("object") {
			continue
		}
		// In what is asked for, other members are passed over.
		if allowed := s.AdditionalProperties.Has; allowed != nil && *allowed != isAsked[name] || allowed == nil && s.AdditionalProperties.Schema == nil {
			t.Errorf("%s is not closed, or should be open", name)
		}
		for member, property := range s.Properties {
			if property.Value.Description == "" {
				t.Errorf("%s.%s is not described", name, member)
			}
		}
	}
}

// schemasAsked returns the names of the schemas of what requests have in their bodies.
func schemasAsked(doc *openapi3.T) map[string]bool {
	names := map[string]bool{}
	var add func(*openapi3.SchemaRef)
	add = func(s *openapi3.SchemaRef) {
		if s.Ref != "" {
			names[s.Ref[strings.LastIndexByte(s.Ref, '/')+1:]] = true
		}
		for _, property := range s.Value.Properties {
			add(property)
		}
		for _, part := range s.Value.AllOf {
			add(part)
		}
	}
	for _, item := range doc.Paths.Map() {
		for _, operation := range item.Operations() {
			if operation.RequestBody != nil {
				add(operation.RequestBody.Value.Content["application/json"].Schema)
			}
		}
	}
	return names
}
