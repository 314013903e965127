package auth

import (
	"errors"
	"net/http"
	"strings"

	"github.com/portico-retail/portico/retail"
)

// Middleware puts the principal of the bearer token into the request's context. A request without a token is a guest's;
// one whose token is not accepted is answered by deny and goes no further, so that nobody who meant to be known is
// served as somebody else.
func Middleware(v *Verifier, deny func(http.ResponseWriter, *http.Request, error)) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			given := r.Header.Values("Authorization")
			if len(given) == 0 {
				next.ServeHTTP(w, r)
				return
			}
			token, err := bearer(given)
			if err != nil {
				deny(w, r, err)
				return
			}
			p, err := v.Verify(token)
			if err != nil {
				deny(w, r, err)
				return
			}
			next.ServeHTTP(w, r.WithContext(WithPrincipal(r.Context(), p)))
		})
	}
}

func bearer(given []string) (string, error) {
	scheme, token, _ := strings.Cut(given[0], " ")
	if len(given) != 1 || !strings.EqualFold(scheme, "Bearer") {
		return "", &retail.Error{
			Code: retail.CodeUnauthenticated, Message: "the token is not accepted",
			Err: errors.New("not one bearer token"),
		}
	}
	return token, nil
}
