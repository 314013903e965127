// Package resolvers answers the fields of the schema, one file per schema file: validate, one loader or service call,
// return.
package resolvers

// Resolver is the root of all resolvers.
type Resolver struct{}
