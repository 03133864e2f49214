//! Functions that do not work yet, each with why and what to do instead.

use super::{Function, State};

const SQL: &str = "modules do not see the tables: they change between versions and differ between databases; use storage";
const BOARDS: &str = "leaderboards and tournaments come in a later version: keep scores in storage until then";
const PEOPLE: &str = "friends and groups come in a later version";
const CHAT: &str = "chat comes in a later version: use streams until then";
const NOTIFICATIONS: &str = "notifications come in a later version: use stream_send until then";
const PURCHASES: &str = "purchases come in a later version: verify them with http_request until then";
const METRICS: &str = "metrics of modules come in a later version: use the log until then";
const PARTIES: &str = "parties come in a later version";
const FILES: &str = "files cannot be read: `require` a module that returns a table";
const INDEX: &str = "indexes of storage come in a later version: use storage_list until then";
const SATORI: &str = "Satori is a product of Heroic Labs: use http_request";
const CONFIG: &str = "the configuration is not for modules: use context.env";

macro_rules! missing {
    ($($why:ident: $($name:literal),+;)+) => {
        &[$($(Function { name: $name, arguments: "...", results: "", text: "Not yet.", state: State::NotYet($why) }),+),+]
    };
}

pub(super) static FUNCTIONS: &[Function] = missing! {
    SQL: "sql_exec", "sql_query";
    METRICS: "metrics_counter_add", "metrics_gauge_set", "metrics_timer_record";
    NOTIFICATIONS: "notification_send", "notifications_send", "notification_send_all", "notifications_list", "notifications_delete",
        "notifications_get_id", "notifications_delete_id", "notifications_update";
    BOARDS: "leaderboard_create", "leaderboard_delete", "leaderboard_list", "leaderboard_ranks_disable", "leaderboard_records_list",
        "leaderboard_records_list_cursor_from_rank", "leaderboard_record_write", "leaderboard_records_haystack",
        "leaderboard_record_delete", "leaderboards_get_id", "tournament_create", "tournament_delete", "tournament_add_attempt",
        "tournament_join", "tournament_list", "tournament_ranks_disable", "tournaments_get_id", "tournament_records_list",
        "tournament_record_write", "tournament_record_delete", "tournament_records_haystack";
    PURCHASES: "purchase_validate_apple", "purchase_validate_google", "purchase_validate_huawei", "purchase_validate_facebook_instant",
        "purchase_get_by_transaction_id", "purchases_list", "subscription_validate_apple", "subscription_validate_google",
        "subscription_get_by_product_id", "subscriptions_list";
    PEOPLE: "groups_get_id", "group_create", "group_update", "group_delete", "group_user_join", "group_user_leave", "group_users_add",
        "group_users_ban", "group_users_promote", "group_users_demote", "group_users_list", "group_users_kick", "groups_list",
        "groups_get_random", "user_groups_list", "friend_metadata_update", "friends_list", "friends_of_friends_list", "friends_add",
        "friends_delete", "friends_block", "users_get_friend_status";
    PARTIES: "party_list";
    FILES: "file_read";
    CHAT: "channel_message_send", "channel_message_update", "channel_message_remove", "channel_messages_list", "channel_id_build";
    INDEX: "storage_index_list";
    CONFIG: "get_config";
    SATORI: "get_satori";
};
