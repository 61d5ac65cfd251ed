#!/bin/sh
# A booking's life over HTTP, with curl: the lines of docs/tutorial-http.md, in their order. Beside `make up`:
#     sh examples/tutorial.sh
# It makes a room of its own, so it can be run again and again. HOLDFAST says where the platform is, if not on port 8000.
set -eu
trap 'rm -f "${ANSWER:-}"' EXIT
step() { printf '\n## %s\n\n' "$1"; }

step 'Before you start'
HOLDFAST=${HOLDFAST:-http://127.0.0.1:8000}
RUN=$(date +%s)-$$                                               # makes the keys of this run its own
DAY=$(date -u -d tomorrow +%F 2>/dev/null || date -u -v+1d +%F)  # GNU says it one way, BSD the other
ANSWER=$(mktemp)
api() { curl -si -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json' "$@" >"$ANSWER"; }
show() { awk -v only="$*" -f examples/answer.awk "$ANSWER"; }
field() { grep -o "\"$1\":\"[^\"]*\"" "$ANSWER" | head -n 1 | cut -d'"' -f4 | grep .; }
slot() { grep -o '{"from":"[^"]*","to":"[^"]*"' "$ANSWER" | sed -n "$1s/\$/}/p" | grep .; }

step '1. A token'
curl -si "$HOLDFAST/oauth/token" -d grant_type=client_credentials -d client_id=demo -d client_secret=demo-secret \
  -d 'scope=booking:read booking:write org_read org_write' >"$ANSWER"
show
TOKEN=$(field access_token)

step 'A house to book'
api "$HOLDFAST/v1/venues" -d @- <<END
{"name": "Harbour House", "timezone": "Europe/Paris", "openingHours": [
  {"day": "monday", "open": "09:00", "close": "12:00"}, {"day": "tuesday", "open": "09:00", "close": "12:00"},
  {"day": "wednesday", "open": "09:00", "close": "12:00"}, {"day": "thursday", "open": "09:00", "close": "12:00"},
  {"day": "friday", "open": "09:00", "close": "12:00"}, {"day": "saturday", "open": "09:00", "close": "12:00"},
  {"day": "sunday", "open": "09:00", "close": "12:00"}]}
END
VENUE=$(field id)
show id name version

api "$HOLDFAST/v1/spaces" -d "{\"venueId\": \"$VENUE\", \"name\": \"Lighthouse room\", \"capacity\": 8}"
SPACE=$(field id)
show id name units

api "$HOLDFAST/v1/products" -d @- <<END
{"name": "Meeting room, one hour", "reference": "room-$RUN", "price": 2500, "currency": "EUR",
 "metadata": {"duration": {"value": 1, "type": "hourly"}}, "spaces": ["$SPACE"]}
END
PRODUCT=$(field id)
show id price currency

api "$HOLDFAST/v1/products" -d @- <<END
{"name": "Coffee for the room", "reference": "coffee-$RUN", "price": 500, "currency": "EUR", "category": "additional"}
END
COFFEE=$(field id)
show id category price

step '2. What is free?'
api "$HOLDFAST/v1/bookings/slots?productId=$PRODUCT&spaceId=$SPACE&from=$DAY&to=$DAY"
show
FIRST=$(slot 1) SECOND=$(slot 2)

step '3. Hold a slot'
WANTED="{\"productId\": \"$PRODUCT\", \"spaceId\": \"$SPACE\", \"slot\": $FIRST}"
api "$HOLDFAST/v1/bookings" -H "Idempotency-Key: order-17-$RUN" -d "$WANTED"
BOOKING=$(field id)
show

api "$HOLDFAST/v1/bookings" -H "Idempotency-Key: order-17-$RUN" -d "$WANTED"
show id status version

api "$HOLDFAST/v1/bookings" -H "Idempotency-Key: order-18-$RUN" -d "$WANTED"
show

api "$HOLDFAST/v1/bookings/slots?productId=$PRODUCT&spaceId=$SPACE&from=$DAY&to=$DAY&explain=true"
show

step '4. Details, extras, confirm'
api -X PATCH "$HOLDFAST/v1/bookings/$BOOKING" -d '{"status": "CONFIRMED"}'
show code details

api -X PATCH "$HOLDFAST/v1/bookings/$BOOKING" -d @- <<END
{"email": "ada@example.org", "name": "Ada Lovelace", "phone": "+33 4 91 00 00 00", "additionalProducts": ["$COFFEE"]}
END
show status version customer additionalProducts totalPrice

api -X PATCH "$HOLDFAST/v1/bookings/$BOOKING" -d '{"status": "CONFIRMED"}'
show status version expiresAt totalPrice

api -X PATCH "$HOLDFAST/v1/bookings/$BOOKING" -d '{"status": "CONFIRMED"}'
show status version

step '5. Read and list'
api "$HOLDFAST/v1/bookings/$BOOKING"
show status version

api "$HOLDFAST/v1/bookings/$BOOKING" -H 'If-None-Match: "4"'
show

api "$HOLDFAST/v1/customers" -d '{"email": "ada@example.org"}'
CUSTOMER=$(field id)
show

api "$HOLDFAST/v1/bookings?customerId=$CUSTOMER&spaceIds=$SPACE&status=CONFIRMED,PAID&from=$DAY&page=2&limit=5"
show

step '6. Cancel, delete'
api -X DELETE "$HOLDFAST/v1/bookings/$BOOKING"
show code message

api -X PATCH "$HOLDFAST/v1/bookings/$BOOKING" -d '{"status": "CANCEL"}'
show status version cancelReason

api -X DELETE "$HOLDFAST/v1/bookings/$BOOKING"
show

api "$HOLDFAST/v1/bookings/$BOOKING"
show code message

step '7. More time'
api "$HOLDFAST/v1/bookings" -d "$WANTED"
BOOKING=$(field id)
show status version expiresAt

api -X POST "$HOLDFAST/v1/bookings/$BOOKING/extend"
show status version expiresAt

step '8. Another hour'
api -X PATCH "$HOLDFAST/v1/bookings/$BOOKING" -d "{\"slot\": $SECOND}"
show version slot

api "$HOLDFAST/v1/bookings" -d "$WANTED"
OTHER=$(field id)
show status slot

api -X PATCH "$HOLDFAST/v1/bookings/$BOOKING" -d "{\"slot\": $FIRST}"
show code details

api "$HOLDFAST/v1/bookings/$BOOKING"
show version slot

step '9. Only if nobody changed it meanwhile'
api -X PATCH "$HOLDFAST/v1/bookings/$BOOKING" -H 'If-Match: "3"' -d '{"email": "ada@example.org"}'
show code message

api -X PATCH "$HOLDFAST/v1/bookings/$BOOKING" -H 'If-Match: "4"' -d '{"email": "ada@example.org"}'
show version customer

api -X DELETE "$HOLDFAST/v1/bookings/$BOOKING" -H 'If-Match: "5"'
show

step '10. When something is wrong'
api "$HOLDFAST/v1/bookings" -d "{\"productId\": \"$PRODUCT\", \"colour\": \"blue\"}"
show

api "$HOLDFAST/v1/bookings" -H "Idempotency-Key: order-17-$RUN" \
  -d "{\"productId\": \"$PRODUCT\", \"spaceId\": \"$SPACE\", \"slot\": $SECOND}"
show code message

api -X DELETE "$HOLDFAST/v1/products/$PRODUCT"
show code message details

curl -si "$HOLDFAST/v1/bookings/$OTHER" >"$ANSWER"
show code message

curl -si "$HOLDFAST/oauth/token" -d grant_type=client_credentials -d client_id=rival -d client_secret=rival-secret >"$ANSWER"
TOKEN=$(field access_token)
api "$HOLDFAST/v1/bookings/$OTHER"
show code message
