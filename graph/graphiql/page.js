// Starts the query page. A token goes into the "Headers" tab: {"Authorization": "Bearer …"}.
const example = `# Which places near People's Square
# have both of these, and when?
query Pickup @inContext(language: EN) {
  pickupOptions(
    items: [
      { sku: "10000017", quantity: 1 }
      { sku: "10000025", quantity: 2 }
    ]
    near: { latitude: 31.2304, longitude: 121.4737 }
  ) {
    location { name }
    coverage
    distanceKm
    readyBy
    lines { sku requested fulfillable shortfall level }
    freshness { asOf ageSeconds basis }
  }
}
`;
ReactDOM.createRoot(document.getElementById('graphiql')).render(
  React.createElement(GraphiQL, {
    fetcher: GraphiQL.createFetcher({ url: '/graphql' }),
    defaultQuery: example,
    shouldPersistHeaders: false,
  }),
);
