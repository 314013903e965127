// Package pos is a stand-in for the head office of a chain's tills: the XML service of docs/wires.md, held in memory.
// It is stand-alone and shares no code with the adapter that talks to it. Read server.go first, then lane.go.
package pos

// DefaultKeep is how many transactions of a place the log holds when Data.Keep is zero.
const DefaultKeep = 20_000

// Data is what a head office starts with. The values become the server's; the caller must not change them afterwards.
type Data struct {
	Locations []string          // places with tills
	Prices    map[string]string // shelf price by SKU, in major units, for example "19.90"
	Currency  string            // ISO 4217
	Keep      int               // transactions kept in the log of each place; 0 means DefaultKeep
	Cards     []Card
}
