package auth_test

import (
	"context"
	"strings"
	"testing"

	"github.com/portico-retail/portico/auth"
)

func TestScopesAreValuesOfTheSchemasEnum(t *testing.T) {
	for _, want := range auth.Scopes() {
		var b strings.Builder
		want.MarshalGQL(&b)
		var got auth.Scope
		if err := got.UnmarshalGQL(strings.Trim(b.String(), `"`)); err != nil || got != want {
			t.Errorf("%s: got %s from %s, %v", want, got, b.String(), err)
		}
	}
	for _, v := range []any{"stock:read", "stock_read", "STOCK_WRITE", "", nil, 1} {
		var got auth.Scope
		if err := got.UnmarshalGQL(v); err == nil {
			t.Errorf("%v: got the scope %s", v, got)
		}
	}
}

func TestGuardedFieldsReadNullWithoutTheScope(t *testing.T) {
	asked := 0
	next := func(context.Context) (any, error) { asked++; return "secret", nil }
	if got, err := auth.HasScope(t.Context(), nil, next, auth.ScopeStockRead); got != nil || err != nil || asked != 0 {
		t.Errorf("a guest got %v, %v after %d calls", got, err, asked)
	}
	ctx := auth.WithPrincipal(t.Context(), auth.Principal{Role: auth.RoleOperator, Scopes: auth.Scopes()})
	if got, err := auth.HasScope(ctx, nil, next, auth.ScopeStockRead); got != "secret" || err != nil {
		t.Errorf("an operator got %v, %v", got, err)
	}
}
