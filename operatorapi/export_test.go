package operatorapi

import "net/http"

// Routes returns the routes of the door as a request line starts.
func Routes() []string {
	var all []string
	for _, rt := range routes() {
		all = append(all, rt.method+" "+rt.path)
	}
	return all
}

// Codes returns the codes of all errors.
func Codes() []string {
	all := []string{"internal"}
	for _, row := range answers {
		all = append(all, row.code)
	}
	return all
}

// Find finds the route of a request, and reports whether there is one.
func Find(handler http.Handler, r *http.Request) bool {
	found, _, err := handler.(*door).find(r)
	return found != nil && err == nil
}

// DocSpaceAction is the number that DocSpace has for a line of the trail.
var DocSpaceAction = docspaceAction
