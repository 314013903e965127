package demo

// What shoppers ask.
const (
	askSession = `mutation { guestSessionCreate { session { token } userErrors { code } } }`
	askGoods   = `query($after: String) { products(first: 50, after: $after) {
		nodes { variants { sku } } pageInfo { hasNextPage endCursor } } }`
	askStores = `query { locations(kinds: [STORE], services: [PICKUP], first: 100) {
		nodes { code services address { city } position { latitude longitude } } } }`
	askStock = `query($skus: [String!]!, $near: GeoPointInput) {
		stockCheck(skus: $skus, near: $near, withinKm: 20, first: 5) { items { level } } }`
	askPickup = `query($items: [BasketItemInput!]!, $near: GeoPointInput) {
		pickupOptions(items: $items, near: $near, withinKm: 30, first: 5) { coverage readyBy location { code } } }`
	askDelivery = `query($items: [BasketItemInput!]!, $near: GeoPointInput) {
		deliveryOptions(items: $items, near: $near) { method available } }`
	askCoupons = `query { me { coupons { number status } } }`
	askCart    = `query { cart { ...c } }` + cartFields
	askOrder   = `query($id: ID!) { order(id: $id) { ...o } }` + orderFields
)

// What the answer to a change of a cart or an order carries.
const (
	cartFields  = ` fragment c on Cart { id version lines { id } problems { kind blocks } totals { total { amount } } }`
	cartReply   = ` { cart { ...c } userErrors { code } } }` + cartFields
	orderFields = ` fragment o on Order { id status lines { id sku quantity } payments { status redirectUrl } timeline { kind at }
		fulfillments { id method status acceptedAt location { code } pickupCode { code } decision { askedAt } } }`
	orderReply = ` { order { ...o } userErrors { code } } }` + orderFields
)

// consentGive is what some shoppers agree to.
const consentGive = `mutation($key: String!) {
	consentGive(input: {purpose: FULFILMENT, version: "demo-1"}, idempotencyKey: $key) { consent { version } userErrors { code } } }`

// What shoppers do to a cart.
const (
	cartCreate = `mutation($key: String!) { cartCreate(input: {}, idempotencyKey: $key)` + cartReply
	cartEmpty  = `mutation($id: ID!, $lines: [ID!]!, $key: String!) {
		cartLinesRemove(input: {cartId: $id, lineIds: $lines}, idempotencyKey: $key)` + cartReply
	cartFill = `mutation($id: ID!, $lines: [CartLineInput!]!, $key: String!) {
		cartLinesAdd(input: {cartId: $id, lines: $lines}, idempotencyKey: $key)` + cartReply
	cartAddress = `mutation($id: ID!, $address: DeliveryAddressInput!, $key: String!) {
		cartAddressSet(input: {cartId: $id, address: $address}, idempotencyKey: $key)` + cartReply
	cartCoupon = `mutation($id: ID!, $coupon: String!, $key: String!) {
		cartCouponApply(input: {cartId: $id, coupon: $coupon}, idempotencyKey: $key)` + cartReply
)

// What shoppers do to an order.
const (
	orderPlace = `mutation($id: ID!, $version: Int!, $total: Decimal, $key: String!) {
		checkoutComplete(input: {cartId: $id, cartVersion: $version, expectedTotal: $total,
			contact: {name: "Shopper", phone: "+8613800138000"}}, idempotencyKey: $key)` + orderReply
	orderPay = `mutation($id: ID!, $method: String!, $key: String!) {
		orderPay(input: {orderId: $id, method: $method}, idempotencyKey: $key)` + orderReply
	orderCancel = `mutation($id: ID!, $key: String!) {
		orderCancel(input: {orderId: $id}, idempotencyKey: $key)` + orderReply
	orderAnswer = `mutation($id: ID!, $part: ID!, $key: String!) {
		orderRejectionAnswer(input: {orderId: $id, fulfillmentId: $part, choice: REFUND}, idempotencyKey: $key)` + orderReply
	orderArrive = `mutation($id: ID!, $part: ID!, $key: String!) {
		orderCurbsideArrive(input: {orderId: $id, fulfillmentId: $part, spot: "P2"}, idempotencyKey: $key)` + orderReply
	orderReview = `mutation($id: ID!, $sku: String!, $score: Int!, $key: String!) {
		reviewCreate(input: {subject: {orderId: $id}, sku: $sku, score: $score, text: "好"}, idempotencyKey: $key) {
			feedback { id } userErrors { code } } }`
)

// What associates do at the counter.
const (
	counterVerify = `mutation($place: ID!, $code: String!, $key: String!) {
		pickupVerify(input: {locationId: $place, code: $code}, idempotencyKey: $key) { order { id } userErrors { code } } }`
	counterHandOver = `mutation($id: ID!, $part: ID!, $code: String!, $key: String!) {
		pickupHandOver(input: {orderId: $id, fulfillmentId: $part, code: $code}, idempotencyKey: $key) {
			order { id } userErrors { code } } }`
	counterReturn = `mutation($id: ID!, $place: ID!, $lines: [ReturnLineInput!]!, $key: String!) {
		returnReceive(input: {orderId: $id, locationId: $place, lines: $lines}, idempotencyKey: $key) {
			return { id } userErrors { code } } }`
)
