//go:build ignore

// Command draw_portrait draws the portrait of the modelled card: a face of ellipses that belongs to nobody, 8-bit greyscale,
// 240 by 320 pixels, as a PGM on standard output. The file in this folder was made by
//
//	go run draw_portrait.go > portrait.pgm
//	opj_compress -i portrait.pgm -o portrait.jp2 -r 8
//
// with opj_compress of OpenJPEG 2.5.0.

package main

import (
	"bufio"
	"fmt"
	"math"
	"os"
)

const width, height = 240, 320

// ellipse is a filled shape; soft is the width of its blurred edge in units of its radius.
type ellipse struct{ x, y, rx, ry, grey, soft float64 }

func main() {
	shapes := []ellipse{
		{120, 345, 125, 95, 90, 0.02}, // shoulders
		{120, 268, 34, 50, 186, 0.05}, // neck
		{120, 138, 86, 98, 42, 0.03},  // hair
		{40, 175, 13, 22, 188, 0.06},  // ears
		{200, 175, 13, 22, 188, 0.06}, //
		{120, 170, 76, 96, 206, 0.03}, // face
		{120, 92, 72, 34, 46, 0.10},   // fringe
		{88, 160, 15, 9, 250, 0.10},   // eyes
		{152, 160, 15, 9, 250, 0.10},  //
		{89, 160, 7, 8, 40, 0.15},     // pupils
		{151, 160, 7, 8, 40, 0.15},    //
		{88, 138, 20, 4, 60, 0.20},    // brows
		{152, 138, 20, 4, 60, 0.20},   //
		{120, 188, 9, 16, 184, 0.40},  // nose
		{120, 222, 26, 8, 140, 0.15},  // mouth
		{120, 218, 26, 4, 112, 0.20},  //
		{78, 200, 18, 12, 194, 0.60},  // cheeks
		{162, 200, 18, 12, 194, 0.60}, //
		{120, 330, 30, 36, 236, 0.05}, // collar
	}
	w := bufio.NewWriter(os.Stdout)
	defer w.Flush()
	fmt.Fprintf(w, "P5\n%d %d\n255\n", width, height)
	seed := uint32(1) // a little grain, so that the file has the size of a photograph
	for y := range height {
		for x := range width {
			v := 228 - 14*float64(y)/height
			for _, s := range shapes {
				v = s.over(v, float64(x), float64(y))
			}
			seed = seed*1664525 + 1013904223
			v += float64(seed>>24)/32 - 4
			w.WriteByte(byte(math.Max(0, math.Min(255, v))))
		}
	}
}

func (s ellipse) over(v, x, y float64) float64 {
	d := math.Hypot((x-s.x)/s.rx, (y-s.y)/s.ry)
	cover := math.Max(0, math.Min(1, (1-d)/s.soft+0.5))
	shade := 1 - 0.12*math.Max(0, (x-s.x)/s.rx)
	return v*(1-cover) + s.grey*shade*cover
}
