package portalapi_test

// check is who may use a route. Source: contract, "Roles" and "Test matrix from the
// official API tests".
type check int

const (
	beAnybody        check = iota // whom a key lets in
	notBeGuest                    // everybody but guests
	administer                    // the owner and DocSpace administrators
	pay                           // who pays
	payAndAdminister              // who pays, being one of those
	payOrOwn                      // who pays, and the owner
	setUp                         // those who administer; where there is a customer, who pays of them
)
