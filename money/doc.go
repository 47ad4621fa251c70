// Package money holds exact amounts of money, the currencies they are in, and
// the countries that use them.
//
// An [Amount] counts hundred-millionths (1e-8) of a currency's major unit in an
// int64 and always carries its [Currency]. There is no floating point anywhere:
// text becomes an amount by [Parse], digit by digit, and comes back out by
// [Amount.Decimal] the same way. Arithmetic that would leave the range of an
// int64 is an error ([ErrRange]), never a wrap.
//
// The largest amount is 92,233,720,368.54775807 of any currency.
//
// Which currencies there are and how many minor digits each has is ISO 4217;
// which country uses which, how its people write it and what they call it is
// Unicode CLDR ([RegionOf]). Both come as generated tables.
package money

//go:generate sh cldr/fetch.sh
