// Package docspacetest starts a portal for tests of whatever reads or pays by
// the DocSpace payment API:
//
//	portal := docspacetest.New(t)
//	info, err := portal.Client().CustomerInfo(ctx)
//
// It is Bursar itself on a random port, with an in-memory database and the
// sample company in it: the Business plan for 10 admins, 100 GB of extra storage,
// 148.50 USD and 25.00 EUR in the wallet. Its facts can be set, operations made
// ([Portal.Charge], [Portal.Credit]), its clock moved, and faults switched on:
// refusals, broken pages, delays, cut connections, bodies without end, answers that
// are lost after a payment was made ([Portal.Inject]). Deposits are collected by a
// bank that is none.
//
// The portal is gone when the test ends.
package docspacetest
