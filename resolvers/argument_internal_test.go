package resolvers

import (
	"context"
	"strings"
	"testing"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"

	"github.com/portico-retail/portico/graph/generated"
)

func TestWhatServicesNameIsFoundInTheArguments(t *testing.T) {
	r := &Resolver{Schema: generated.NewExecutableSchema(generated.Config{}).Schema()}
	for _, c := range []struct{ field, service, want string }{
		{"stockHoldCreate", "items.1.quantity", "input items 1 quantity"},
		{"stockHoldCreate", "items.1", "input items 1"},
		{"stockHoldCreate", "items.1.price", "input items 1"},
		{"stockHoldCreate", "items.last.sku", "input items"},
		{"stockHoldCreate", "idempotencyKey", "idempotencyKey"},
		{"stockHoldCreate", "locationId.x", "input locationId"},
		{"stockHoldExtend", "id", "input holdId"},
		{"feedbackReply", "id", "input feedbackId"},
		{"memberAddressSave", "id", "input addressId"},
		{"memberAddressSave", "phone", "input address phone"},
		{"memberAddressSave", "address.line", "input address line"},
		{"memberCardBind", "number", "input cardNumber"},
		{"complaintCreate", "receiptNumber", "input subject receiptNumber"},
		{"cartLinesAdd", "version", "input expectedVersion"},
		{"checkoutComplete", "version", "input cartVersion"},
		{"checkoutComplete", "holdId", "input holdIds"},
		{"checkoutComplete", "lines.0.quantity", ""},
		{"checkoutComplete", "channel", ""},
		{"cartCreate", "cartId", ""},
		{"cartMerge", "input.guestToken", "input guestToken"},
		{"memberMerge", "", ""},
		{"deliveryOptions", "lines.2", "items 2"},
		{"deliveryOptions", "address", "near"},
	} {
		field := r.Schema.Mutation.Fields.ForName(c.field)
		if field == nil {
			field = r.Schema.Query.Fields.ForName(c.field)
		}
		ctx := graphql.WithFieldContext(context.Background(), &graphql.FieldContext{
			Field: graphql.CollectedField{Field: &ast.Field{Name: c.field, Definition: field}},
		})
		inner := graphql.WithFieldContext(ctx, &graphql.FieldContext{ // as for a field below
			Field: graphql.CollectedField{Field: &ast.Field{Name: "refusals", Definition: &ast.FieldDefinition{Name: "refusals"}}},
		})
		var path []string
		if c.service != "" {
			path = strings.Split(c.service, ".")
		}
		for _, ctx := range []context.Context{ctx, inner} {
			if got := strings.Join(r.argument(ctx, path), " "); got != c.want {
				t.Errorf("%s: %q is %q, want %q", c.field, c.service, got, c.want)
			}
		}
	}
}
