//! The audit log as those read it who manage people, as lines for other programs, and what is kept how long.

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Value, json};

use crate::{
    access::{AccessError, Gate, Manager},
    store::{AuditEntry, AuditFilter, AuditRow, Id},
};

/// Who deletes what is kept no longer.
const RETENTION: &str = "(retention)";

/// Priority of RFC 5424: facility 13 (log audit), severity 5 (notice).
const PRIORITY: u8 = 13 * 8 + 5;

/// The enterprise number that RFC 5612 keeps for documentation; the project has none of its own.
const ENTERPRISE: u32 = 32473;

impl Gate {
    /// Entries of the audit log, the latest first: of an atlas for those who administer it, without one for operators.
    ///
    /// # Errors
    /// [`AccessError::NotEntitled`] for others.
    pub async fn audit_log(
        &self,
        by: &Manager,
        filter: &AuditFilter,
        limit: u32,
        before: Option<Id>,
    ) -> Result<Vec<AuditRow>, AccessError> {
        let entitled = match &filter.atlas {
            Some(atlas) => by.administers(atlas),
            None => by.is_operator(),
        };
        if !entitled {
            return Err(AccessError::NotEntitled);
        }
        let filter = AuditFilter { without_atlas: filter.atlas.is_none(), ..filter.clone() };
        Ok(self.house()?.store.audit_log(&filter, limit, before).await?)
    }

    /// Deletes what has ended, and as the settings say old entries of the audit log and accounts that nobody uses. The last
    /// operator stays. A closed gate keeps nothing.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn prune(&self, now: DateTime<Utc>) -> Result<(), AccessError> {
        let Ok(house) = self.house() else { return Ok(()) };
        house.store.delete_ended(now).await?;
        if let Some(time) = house.settings.keep_log {
            house.store.prune_audit_log(now - time, RETENTION, now).await?;
        }
        let Some(time) = house.settings.keep_unused_accounts else { return Ok(()) };
        for person in house.store.people().await?.into_iter().filter(|person| person.used_at < now - time) {
            if house.keep_an_operator(&person).await.is_ok() {
                let entry = AuditEntry::new(now, RETENTION, "person.removed").about(person.name.as_str());
                house.store.remove_person(person.id, &entry).await?;
            }
        }
        Ok(house.refresh().await?)
    }
}

/// An entry as a line of JSON.
pub fn json_line(row: &AuditRow) -> String {
    let AuditRow { id, at, actor, action, atlas, subject, before, after } = row;
    json!({
        "id": id, "at": at, "actor": actor, "action": action, "atlas": atlas, "subject": subject, "before": before,
        "after": after,
    })
    .to_string()
}

/// An entry as a line of syslog (RFC 5424); what was and what is are its message, as JSON.
pub fn syslog_line(row: &AuditRow) -> String {
    let time = row.at.to_rfc3339_opts(SecondsFormat::Micros, true);
    let kind: String = row.action.chars().filter(char::is_ascii_graphic).take(32).collect();
    let mut data = format!("id=\"{}\" actor=\"{}\"", row.id, escaped(&row.actor));
    for (name, value) in
        [("atlas", row.atlas.as_ref().map(ToString::to_string)), ("subject", row.subject.clone())]
    {
        if let Some(value) = value {
            data.extend([" ", name, "=\"", &escaped(&value), "\""]);
        }
    }
    let what = |value: &Option<Value>| value.clone().unwrap_or_default();
    let message = json!({ "before": what(&row.before), "after": what(&row.after) });
    format!("<{PRIORITY}>1 {time} - kommunalatlas - {kind} [audit@{ENTERPRISE} {data}] \u{feff}{message}")
}

/// A value of structured data: `"`, `\` and `]` get a backslash, control characters become spaces.
fn escaped(text: &str) -> String {
    let mut value = String::with_capacity(text.len());
    for c in text.chars() {
        if matches!(c, '"' | '\\' | ']') {
            value.push('\\');
        }
        value.push(if c.is_control() { ' ' } else { c });
    }
    value
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn row(actor: &str) -> AuditRow {
        AuditRow {
            id: 7,
            at: "2026-11-22T12:00:00Z".parse().unwrap(),
            actor: actor.into(),
            action: "role.granted".into(),
            atlas: Some("a".parse().unwrap()),
            subject: Some("anna".into()),
            before: None,
            after: Some(json!({ "roles": ["editor"] })),
        }
    }

    #[test]
    fn an_entry_is_a_line_of_syslog() {
        assert_eq!(
            syslog_line(&row("a\"b]\n")),
            "<109>1 2026-11-22T12:00:00.000000Z - kommunalatlas - role.granted [audit@32473 id=\"7\" actor=\"a\\\"b\\] \" \
             atlas=\"a\" subject=\"anna\"] \u{feff}{\"before\":null,\"after\":{\"roles\":[\"editor\"]}}"
        );
    }

    proptest! {
        #[test]
        fn no_text_makes_a_second_line(text: String) {
            prop_assert_eq!(syslog_line(&row(&text)).lines().count(), 1);
            prop_assert_eq!(json_line(&row(&text)).lines().count(), 1);
        }
    }
}
