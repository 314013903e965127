// Package shop is a stand-in for an e-commerce shop: the REST service of docs/wires.md, held in memory. It is
// stand-alone and shares no code with the adapter that talks to it. Read server.go first, then allocations.go.
package shop
