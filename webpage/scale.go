package webpage

import (
	"math"
	"math/bits"
	"time"

	"github.com/bursarhq/bursar/money"
)

// size is how wide and high the inside of a chart is, in its own units: a browser makes
// it as wide as there is room.
const size = 1000

// part returns part/whole of length, rounded down. Part is not above whole.
func part(length int, part, whole uint64) int {
	if whole == 0 {
		return 0
	}
	high, low := bits.Mul64(uint64(length), part)
	quotient, _ := bits.Div64(high, low, whole)
	return int(quotient)
}

// axis is a scale of amounts, from Low up to High in equal steps. Nought is on it.
type axis struct {
	low, high int64
	ticks     []money.Amount // the highest first
}

// maxSteps is how many steps an axis has at most.
const maxSteps = 4

// newAxis returns a scale with round steps that holds both amounts; false where there is
// none, as they are too large.
func newAxis(low, high money.Amount) (axis, bool) {
	least, most := min(0, low.Units()), max(0, high.Units())
	if most == least {
		most = money.Scale
	}
	for power := int64(1); ; power *= 10 {
		for _, digit := range []int64{1, 2, 5} {
			step := digit * power
			below, above := steps(uint64(-least), step), steps(uint64(most), step)
			if below+above > maxSteps {
				continue
			}
			a := axis{}
			for n := int64(above); n >= -int64(below); n-- {
				tick, err := money.FromUnits(step, high.Currency()).Mul(n)
				if err != nil {
					return axis{}, false
				}
				a.ticks = append(a.ticks, tick)
			}
			a.high, a.low = a.ticks[0].Units(), a.ticks[len(a.ticks)-1].Units()
			return a, true
		}
		if power > math.MaxInt64/10 { // the next one would be no int64
			return axis{}, false
		}
	}
}

// steps is how many steps there are up to so much, the last begun one counted.
func steps(n uint64, step int64) uint64 {
	if n == 0 {
		return 0
	}
	return (n-1)/uint64(step) + 1
}

// y is how far below the top of a chart an amount stands.
func (a axis) y(units int64) int {
	return part(size, uint64(a.high)-uint64(units), uint64(a.high)-uint64(a.low))
}

// x is how far to the right of a chart's left a moment stands.
func x(at, from, to time.Time) int {
	if !at.After(from) {
		return 0
	}
	return part(size, uint64(min(at.Sub(from), to.Sub(from))), uint64(to.Sub(from)))
}
