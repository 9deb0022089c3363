// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package dashboard

import (
	"math"
	"strconv"
)

// units tell how values are written, by the names that Grafana has for them.
func units() map[string]func(float64) string {
	return map[string]func(float64) string{
		"short":       func(v float64) string { return scaled(v, "") },
		"reqps":       func(v float64) string { return scaled(v, " req/s") },
		"ops":         func(v float64) string { return scaled(v, " ops/s") },
		"Bps":         func(v float64) string { return scaled(v, "B/s") },
		"percentunit": func(v float64) string { return digits(v*100) + "%" },
		"s":           seconds,
	}
}

// scaled writes a number with three digits and a prefix.
func scaled(v float64, unit string) string {
	prefixes := []string{"", "k", "M", "G"}
	i := 0
	for ; math.Abs(v) >= 1000 && i < len(prefixes)-1; i++ {
		v /= 1000
	}
	gap := ""
	if prefixes[i] != "" || unit == "B/s" {
		gap = " "
	}
	return digits(v) + gap + prefixes[i] + unit
}

func digits(v float64) string {
	switch size := math.Abs(v); {
	case size == 0:
		return "0"
	case size >= 100:
		return strconv.FormatFloat(v, 'f', 0, 64)
	case size >= 10:
		return trimmed(strconv.FormatFloat(v, 'f', 1, 64))
	default:
		return strconv.FormatFloat(roundTo(v, 3), 'g', -1, 64)
	}
}

// roundTo keeps so many digits that say something.
func roundTo(v float64, significant int) float64 {
	factor := math.Pow(10, float64(significant)-math.Ceil(math.Log10(math.Abs(v))))
	return math.Round(v*factor) / factor
}

func trimmed(text string) string {
	value, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return text
	}
	return strconv.FormatFloat(value, 'f', -1, 64)
}

func seconds(v float64) string {
	for _, unit := range []struct {
		size float64
		name string
	}{{86400, " days"}, {3600, " hours"}, {60, " mins"}, {1, " s"}, {1e-3, " ms"}} {
		if math.Abs(v) >= unit.size {
			return digits(v/unit.size) + unit.name
		}
	}
	if v == 0 {
		return "0 s"
	}
	return digits(v*1e6) + " µs"
}

// ticks are round values from low to high, about so many.
func ticks(low, high float64, about int) []float64 {
	if high <= low {
		high = low + 1
	}
	raw := (high - low) / float64(about)
	base := math.Pow(10, math.Floor(math.Log10(raw)))
	step := base
	for _, factor := range []float64{1, 2, 5, 10} {
		if step = base * factor; step >= raw {
			break
		}
	}
	var values []float64
	for i := math.Floor(low / step); i*step < high+step*0.999; i++ {
		values = append(values, i*step)
	}
	return values
}
