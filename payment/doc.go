// Package payment says what Bursar expects of whoever collects money for it: a
// [Provider] takes an amount by the payment method that a customer has saved,
// never twice for one id, and can be asked later what came of it. It has pages on
// which customers pay or save a method themselves, gives money back, and tells
// what happened meanwhile.
//
// A call ends in an answer or in an error that says what is certain:
//
//	ErrRefused      this call collected nothing; the request must be mended
//	ErrUnsupported  as ErrRefused; the provider does nothing of the kind
//	ErrUnreachable  this call collected nothing; the same may be asked again
//	ErrUnknown      it may have been collected: ask [Provider.Find]
//	any other       as ErrUnknown
//
// Money is rounded here and nowhere else ([Collectable]).
package payment
