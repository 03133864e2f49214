//! The tables: opening anew, older and newer databases, several servers at once, and the same tables in both databases.

use hillfort_store::{Options, Store, StoreError};

use crate::stores::{Kind, Place, block_on, options, person};

#[test]
fn urls() {
    block_on(async {
        for url in ["", "mysql://x", "sqlite:", "memory", "store.db", "postgres:"] {
            let opened = Store::open(url, options()).await.map(drop);
            assert!(matches!(opened, Err(StoreError::Invalid(_))), "{url:?}: {opened:?}");
        }
        let folder = tempfile::TempDir::new().unwrap();
        std::fs::write(folder.path().join("text.db"), "this is no database, whatever it is called. ".repeat(50)).unwrap();
        for url in [format!("sqlite:{}", folder.path().display()), format!("sqlite:{}/text.db", folder.path().display())] {
            let opened = Store::open(&url, options()).await.map(drop);
            assert!(matches!(opened, Err(StoreError::Unavailable(_))), "{url:?}: {opened:?}");
        }
    });
}

fn opened_again(kind: Kind) {
    let Some(mut place) = Place::new(kind) else { return };
    let url = place.url();
    block_on(async {
        let unmade = Store::open(&url, Options { migrate: false, ..options() }).await.map(drop);
        let Err(StoreError::Unavailable(why)) = unmade else { panic!("{unmade:?}") };
        assert!(why.contains("hillfort migrate"), "{why}");
        let opened = (0..4).map(|_| {
            tokio::spawn({
                let url = url.clone();
                async move { Store::open(&url, options()).await }
            })
        });
        let mut stores = Vec::new();
        for store in opened.collect::<Vec<_>>() {
            stores.push(store.await.unwrap().unwrap());
        }
        let account = person(&stores[0], "a").await;
        assert_eq!(stores[3].accounts.get(account.id).await.as_ref(), Ok(&account), "several handles to one database");
        drop(stores);
        let again = Store::open(&url, Options { migrate: false, ..options() }).await.unwrap();
        assert_eq!(again.accounts.get(account.id).await, Ok(account));
    });
}

#[test]
fn opened_again_sqlite() {
    opened_again(Kind::Sqlite);
}

#[test]
fn opened_again_postgres() {
    opened_again(Kind::Postgres);
}

/// A database that has steps which this program does not know is left alone.
#[test]
fn newer_sqlite() {
    let mut place = Place::new(Kind::Sqlite).unwrap();
    let url = place.url();
    block_on(async {
        Store::open(&url, options()).await.unwrap();
        let file = rusqlite::Connection::open(url.strip_prefix("sqlite:").unwrap()).unwrap();
        file.execute("INSERT INTO refinery_schema_history VALUES (9999, 'later', '2027-01-01T00:00:00Z', '1')", []).unwrap();
        let opened = Store::open(&url, options()).await.map(drop);
        let Err(StoreError::Unavailable(why)) = opened else { panic!("{opened:?}") };
        assert!(why.contains("newer"), "{why}");
    });
}

/// Nobody can reach a server: the error says so, without the password.
#[cfg(feature = "postgres")]
#[test]
fn no_server() {
    block_on(async {
        let opened = Store::open("postgres://somebody:secret@127.0.0.1:1/x", options()).await.map(drop);
        let Err(StoreError::Unavailable(why)) = opened else { panic!("{opened:?}") };
        assert!(!why.contains("secret"), "{why}");
        for bad in ["postgres://u:secret@host:99999/x", "postgres://u:secret@host/x?sslmode=require"] {
            let Err(StoreError::Invalid(why)) = Store::open(bad, options()).await.map(drop) else { panic!("{bad}") };
            assert!(!why.contains("secret"), "{why}");
        }
    });
}

/// Columns as `table.column type [null]`, keys as `table (columns) unique`, references as `table (column) -> table`.
#[cfg(feature = "postgres")]
#[test]
fn same_tables_in_both() {
    let Some(mut place) = Place::new(Kind::Postgres) else { return };
    let mut sqlite = Place::new(Kind::Sqlite).unwrap();
    let (postgres_url, sqlite_url) = (place.url(), sqlite.url());
    block_on(async {
        Store::open(&postgres_url, options()).await.unwrap();
        Store::open(&sqlite_url, options()).await.unwrap();
        let of_sqlite = sqlite_schema(&sqlite_url);
        let of_postgres = postgres_schema(&postgres_url).await;
        assert!(of_sqlite.len() > 100, "{}", of_sqlite.len());
        assert_eq!(of_sqlite.join("\n"), of_postgres.join("\n"));
    });
}

#[cfg(feature = "postgres")]
fn sqlite_schema(url: &str) -> Vec<String> {
    let file = rusqlite::Connection::open(url.strip_prefix("sqlite:").unwrap()).unwrap();
    let query = |sql: &str| -> Vec<String> {
        let mut statement = file.prepare(sql).unwrap();
        statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
    };
    let tables =
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND name NOT LIKE 'refinery_%'";
    let mut lines = query(&format!(
        "SELECT t.name || '.' || c.name || ' ' || CASE c.type WHEN 'INTEGER' THEN 'number' WHEN 'BLOB' THEN 'bytes' ELSE 'text' END \
         || CASE c.\"notnull\" WHEN 0 THEN ' null' ELSE '' END FROM ({tables}) t, pragma_table_info(t.name) c"
    ));
    lines.extend(query(&format!(
        "SELECT t.name || ' (' || (SELECT group_concat(name, ', ') FROM pragma_index_info(i.name)) || ')' || \
         CASE i.\"unique\" WHEN 1 THEN ' unique' ELSE '' END || CASE i.partial WHEN 1 THEN ' partial' ELSE '' END \
         FROM ({tables}) t, pragma_index_list(t.name) i"
    )));
    lines.extend(query(&format!(
        "SELECT t.name || ' (' || c.name || ') unique' FROM ({tables}) t, pragma_table_info(t.name) c WHERE c.name = 'number' AND c.pk = 1"
    )));
    lines.extend(query(&format!(
        "SELECT t.name || ' (' || f.\"from\" || ') -> ' || f.\"table\" || ' (' || f.\"to\" || ') ' || f.on_delete \
         FROM ({tables}) t, pragma_foreign_key_list(t.name) f"
    )));
    lines.sort();
    lines
}

#[cfg(feature = "postgres")]
async fn postgres_schema(url: &str) -> Vec<String> {
    let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    let mut lines = Vec::new();
    for sql in [
        "SELECT c.table_name || '.' || c.column_name || ' ' || CASE c.data_type WHEN 'bigint' THEN 'number' WHEN 'bytea' THEN 'bytes' \
         WHEN 'text' THEN CASE c.collation_name WHEN 'C' THEN 'text' ELSE 'text in no order of bytes' END ELSE c.data_type END \
         || CASE c.is_nullable WHEN 'YES' THEN ' null' ELSE '' END FROM information_schema.columns c \
         WHERE c.table_schema = 'public' AND c.table_name NOT LIKE 'refinery_%'",
        "SELECT t.relname || ' (' || (SELECT string_agg(a.attname, ', ' ORDER BY k.at) FROM unnest(i.indkey) WITH ORDINALITY AS k (number, at) \
         JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = k.number) || ')' || CASE i.indisunique WHEN true THEN ' unique' ELSE '' END \
         || CASE WHEN i.indpred IS NULL THEN '' ELSE ' partial' END FROM pg_index i JOIN pg_class t ON t.oid = i.indrelid \
         JOIN pg_namespace n ON n.oid = t.relnamespace WHERE n.nspname = 'public' AND t.relname NOT LIKE 'refinery_%'",
        "SELECT t.relname || ' (' || a.attname || ') -> ' || r.relname || ' (' || b.attname || ') ' || \
         CASE c.confdeltype WHEN 'c' THEN 'CASCADE' ELSE c.confdeltype::text END FROM pg_constraint c \
         JOIN pg_class t ON t.oid = c.conrelid JOIN pg_class r ON r.oid = c.confrelid \
         JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = c.conkey[1] \
         JOIN pg_attribute b ON b.attrelid = r.oid AND b.attnum = c.confkey[1] WHERE c.contype = 'f'",
    ] {
        lines.extend(client.query(sql, &[]).await.unwrap().iter().map(|row| row.get::<_, String>(0)));
    }
    lines.sort();
    lines
}
