package portalapi

// Routes returns the routes of the API as a request line starts: "GET /api/…".
func Routes() []string {
	var all []string
	for _, rt := range (&door{}).routes() {
		all = append(all, rt.method+" "+basePath+rt.path)
	}
	return all
}
