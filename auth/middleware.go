package auth

import "net/http"

// Middleware puts the principal of a request's token into its context, with the bounds of a partner. A request without a token
// is a guest's; one whose token is not accepted is answered by deny and goes no further, so that nobody who meant to be known
// is served as somebody else.
func Middleware(v *Verifier, deny func(http.ResponseWriter, *http.Request, error)) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			p, err := v.Authenticate(r)
			switch {
			case err != nil:
				deny(w, r, err)
			case len(r.Header.Values("Authorization")) == 0:
				next.ServeHTTP(w, r)
			default:
				next.ServeHTTP(w, r.WithContext(WithPrincipal(r.Context(), p)))
			}
		})
	}
}
