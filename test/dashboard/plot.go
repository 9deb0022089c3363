// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package dashboard

import (
	"fmt"
	"strings"
	"time"

	"github.com/prometheus/common/model"
)

// plot is a drawing of lines over time.
type plot struct {
	Left, Top, Right, Bottom float64
	Lines                    []line
	YTicks, XTicks           []tick
}

type line struct {
	Name, Color string
	// Paths are its pieces as SVG: where there is no value, there is no line. Areas
	// are what is below them.
	Paths, Areas []string
}

type tick struct {
	At   float64
	Text string
}

// colors of lines, in turn; any that can be told apart.
func colors() []string {
	return []string{
		"#2f9e44", "#e8a202", "#1c7ed6", "#e8590c", "#d6336c", "#7048e8", "#0c8599", "#a9611b", "#868e96", "#5c940d", "#c2255c", "#364fc7",
	}
}

// legendRoom is the height of the legend below a plot.
const legendRoom = 44

func (v *View) plot(index, wide, high int) *plot {
	p := &plot{Left: 62, Top: 30, Right: float64(wide) - 12, Bottom: float64(high) - legendRoom - 18}
	write := units()[v.Board.Panels[index].FieldConfig.Defaults.Unit]
	top := 0.0
	for _, answer := range v.Answers[index] {
		for _, series := range answer.Series {
			for _, pair := range series.Values {
				if finite(pair.Value) {
					top = max(top, float64(pair.Value))
				}
			}
		}
	}
	values := ticks(0, top, 4)
	top = values[len(values)-1]
	toY := func(value float64) float64 { return p.Bottom - (p.Bottom-p.Top)*value/top }
	for _, value := range values {
		p.YTicks = append(p.YTicks, tick{At: toY(value), Text: write(value)})
	}
	span := v.Scene.To.Sub(v.Scene.From).Seconds()
	toX := func(at time.Time) float64 {
		return p.Left + (p.Right-p.Left)*at.Sub(v.Scene.From).Seconds()/span
	}
	p.XTicks = v.clock(toX)
	for _, answer := range v.Answers[index] {
		for i, series := range answer.Series {
			one := line{Name: answer.Names[i], Color: colors()[len(p.Lines)%len(colors())]}
			for _, piece := range pieces(series.Values, 2*v.Scene.Step) {
				path, area := p.draw(piece, toX, toY)
				one.Paths, one.Areas = append(one.Paths, path), append(one.Areas, area)
			}
			p.Lines = append(p.Lines, one)
		}
	}
	return p
}

// clock are round times, about five.
func (v *View) clock(toX func(time.Time) float64) []tick {
	span := v.Scene.To.Sub(v.Scene.From)
	step := time.Minute
	for _, candidate := range []time.Duration{time.Minute, 2 * time.Minute, 5 * time.Minute, 10 * time.Minute, 30 * time.Minute, time.Hour, 3 * time.Hour} {
		if step = candidate; span/step <= 5 {
			break
		}
	}
	var found []tick
	for at := v.Scene.From.UTC().Truncate(step).Add(step); at.Before(v.Scene.To); at = at.Add(step) {
		found = append(found, tick{At: toX(at), Text: at.Format("15:04")})
	}
	return found
}

// pieces are the runs of values without a hole wider than so much.
func pieces(values []model.SamplePair, hole time.Duration) [][]model.SamplePair {
	var found [][]model.SamplePair
	var current []model.SamplePair
	for _, pair := range values {
		if !finite(pair.Value) {
			continue
		}
		if n := len(current); n > 0 && pair.Timestamp.Time().Sub(current[n-1].Timestamp.Time()) > hole {
			found, current = append(found, current), nil
		}
		current = append(current, pair)
	}
	if len(current) > 0 {
		found = append(found, current)
	}
	return found
}

func (p *plot) draw(piece []model.SamplePair, toX func(time.Time) float64, toY func(float64) float64) (path, area string) {
	var points []string
	for _, pair := range piece {
		points = append(points, fmt.Sprintf("%.1f %.1f", toX(pair.Timestamp.Time()), toY(float64(pair.Value))))
	}
	first, last := toX(piece[0].Timestamp.Time()), toX(piece[len(piece)-1].Timestamp.Time())
	if len(piece) == 1 {
		// A point alone is seen as a short line.
		points = append(points, fmt.Sprintf("%.1f %.1f", first+2, toY(float64(piece[0].Value))))
	}
	path = "M" + strings.Join(points, "L")
	return path, fmt.Sprintf("%sL%.1f %.1fL%.1f %.1fZ", path, last, p.Bottom, first, p.Bottom)
}
