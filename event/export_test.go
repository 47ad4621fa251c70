package event

// Every is every.
var Every = every
