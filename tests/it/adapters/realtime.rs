//! The contract, transport by transport.

use super::contract::{self, broadcast, channel};

/// Every law, for a transport.
macro_rules! laws {
    ($name:ident, $make:ident) => {
        mod $name {
            use super::*;

            #[tokio::test]
            async fn events_arrive_in_order_as_they_are() {
                contract::events_arrive_in_order_as_they_are($make).await;
            }

            #[tokio::test]
            async fn ten_thousand_events_arrive_in_order() {
                contract::ten_thousand_events_arrive_in_order($make).await;
            }

            #[tokio::test]
            async fn an_oversize_event_is_named_and_nothing_is_sent() {
                contract::an_oversize_event_is_named_and_nothing_is_sent($make).await;
            }

            #[tokio::test]
            async fn what_the_destination_finds_too_large_is_rejected() {
                contract::what_the_destination_finds_too_large_is_rejected($make).await;
            }

            #[tokio::test]
            async fn a_wrong_key_or_place_is_told_from_an_outage() {
                contract::a_wrong_key_or_place_is_told_from_an_outage($make).await;
            }

            #[tokio::test]
            async fn too_many_are_a_limit_and_no_failure() {
                contract::too_many_are_a_limit_and_no_failure($make).await;
            }

            #[tokio::test]
            async fn a_call_that_is_dropped_leaves_a_usable_transport() {
                contract::a_call_that_is_dropped_leaves_a_usable_transport($make).await;
            }

            #[tokio::test]
            async fn a_restarted_destination_is_found_again() {
                contract::a_restarted_destination_is_found_again($make).await;
            }

            #[tokio::test]
            async fn a_head_is_told_and_health_tells_nobody() {
                contract::a_head_is_told_and_health_tells_nobody($make).await;
            }

            #[tokio::test]
            async fn silence_ends_at_the_deadline() {
                contract::silence_ends_at_the_deadline($make).await;
            }
        }
    };
}

laws!(over_http, broadcast);
laws!(over_a_socket, channel);
