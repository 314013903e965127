package faults

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
)

const maxAdminBody = 4096

// Admin serves GET and PUT /admin/faults. PUT sets every switch: a field that is left out is off, an unknown field or
// an invalid value is refused with 400 and changes nothing.
func Admin(b *Board) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /admin/faults", func(w http.ResponseWriter, _ *http.Request) {
		writeState(w, b.Get())
	})
	mux.HandleFunc("PUT /admin/faults", func(w http.ResponseWriter, r *http.Request) {
		state, err := decodeState(http.MaxBytesReader(w, r.Body, maxAdminBody))
		if err == nil {
			err = b.Set(state)
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		writeState(w, state)
	})
	return mux
}

func decodeState(body io.Reader) (State, error) {
	var state *State
	dec := json.NewDecoder(body)
	dec.DisallowUnknownFields()
	if err := dec.Decode(&state); err != nil {
		return State{}, err
	}
	if state == nil {
		return State{}, errors.New("faults: the state must be an object")
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return State{}, errors.New("faults: something follows the state")
	}
	return *state, nil
}

func writeState(w http.ResponseWriter, s State) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(s)
}
