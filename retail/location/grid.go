package location

import (
	"math"

	"github.com/portico-retail/portico/retail"
)

// cellDegrees is the side of a grid cell; a radius of 10 km touches one to four of them in temperate latitudes.
const cellDegrees = 0.25

const (
	gridRows  = int(180 / cellDegrees)
	gridCols  = int(360 / cellDegrees)
	kmPerRow  = 111.195 * cellDegrees // of a great circle
	kmPerTurn = 111.195 * 360
)

type cell struct{ row, col int }

// grid finds the locations around a point without looking at all of them.
type grid struct {
	all   []*retail.Location
	cells map[cell][]*retail.Location
}

func newGrid(all []*retail.Location) *grid {
	g := &grid{all: all, cells: make(map[cell][]*retail.Location, len(all))}
	for _, l := range all {
		c := cellOf(l.Position)
		g.cells[c] = append(g.cells[c], l)
	}
	return g
}

// cellOf puts the poles into the last rows and the antimeridian into the first column from either side.
func cellOf(p retail.GeoPoint) cell {
	row := int((p.Latitude + 90) / cellDegrees)
	col := int((p.Longitude + 180) / cellDegrees)
	return cell{row: min(row, gridRows-1), col: col % gridCols}
}

// around calls visit for every location that may lie within the radius; some lie farther.
func (g *grid) around(p retail.GeoPoint, km float64, visit func(*retail.Location)) {
	rows, cols := reach(p, km)
	width := min(2*cols+1, gridCols)
	if (2*rows+1)*width >= len(g.cells) {
		for _, l := range g.all {
			visit(l)
		}
		return
	}
	c := cellOf(p)
	for row := max(0, c.row-rows); row <= min(gridRows-1, c.row+rows); row++ {
		for d := range width {
			for _, l := range g.cells[cell{row: row, col: (c.col - cols + d + gridCols) % gridCols}] {
				visit(l)
			}
		}
	}
}

// reach is how many rows and columns the circle spans on each side of the point's cell. Columns grow towards the poles;
// a circle that holds a pole spans them all.
func reach(p retail.GeoPoint, km float64) (rows, cols int) {
	if !(km < kmPerTurn/2) {
		return gridRows, gridCols
	}
	rows = int(math.Ceil(km / kmPerRow))
	angle := km / kmPerTurn * 2 * math.Pi * 1.0001 // a little wider, for rounding
	cosLat := math.Cos(p.Latitude * math.Pi / 180)
	if angle >= math.Pi/2 || math.Sin(angle) >= cosLat {
		return rows, gridCols
	}
	span := math.Asin(math.Sin(angle)/cosLat) * 180 / math.Pi
	return rows, int(math.Ceil(span / cellDegrees))
}
