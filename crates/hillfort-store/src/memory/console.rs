//! Owns the model of the audit log, of operators and of what the server keeps about itself.

use async_trait::async_trait;

use super::{Memory, State};
use crate::cursor::Window;
use crate::meta::check_meta;
use crate::operators::check_new;
use crate::{
    Audit, AuditEntry, AuditFilter, BATCH_MAX, Conflict, Meta, Millis, Missing, NewAuditEntry, Operator, OperatorUpdate,
    Operators, Page, Result, Role, check,
};

#[async_trait]
impl Audit for Memory {
    async fn append(&self, entry: NewAuditEntry, now: Millis) -> Result<i64> {
        entry.check()?;
        self.unit(|state| {
            let id = state.number();
            let NewAuditEntry { actor, action, subject, address, detail } = entry;
            state.audit.put(id, AuditEntry { id, time: now, actor, action, subject, address, detail });
            Ok(id)
        })
    }

    async fn list(&self, filter: AuditFilter, limit: usize, cursor: Option<String>) -> Result<Page<AuditEntry>> {
        filter.check()?;
        let window = Window::<i64>::new(limit, cursor.as_deref())?;
        let fits = |wanted: &String, is: &String| wanted.is_empty() || wanted == is;
        self.unit(|state| {
            let lines = state.audit.range(..window.after.unwrap_or(i64::MAX)).rev().map(|(_, line)| line).filter(|line| {
                fits(&filter.actor, &line.actor) && fits(&filter.action, &line.action) && fits(&filter.subject, &line.subject)
            });
            Ok(window.page(lines.take(window.fetch()).cloned().collect(), |line| line.id))
        })
    }

    async fn purge(&self, before: Millis, keep: usize, limit: usize) -> Result<u64> {
        self.unit(|state| {
            let excess = state.audit.len().saturating_sub(keep);
            let lines = state.audit.iter().enumerate();
            let old = lines.filter(|(at, (_, line))| *at < excess || line.time < before).map(|(_, (id, _))| *id);
            let old: Vec<i64> = old.take(limit).collect();
            old.iter().for_each(|id| drop(state.audit.remove(id)));
            Ok(old.len() as u64)
        })
    }
}

impl State {
    fn operator(&self, name: &String) -> Result<Operator> {
        Ok(self.operators.get(name).ok_or(Missing::Operator)?.clone())
    }

    fn create_operator(&mut self, name: String, role: Role, password_hash: String, now: Millis) -> Result<Operator> {
        if self.operators.has(&name) {
            return Err(Conflict::Operator.into());
        }
        let operator = Operator { name: name.clone(), role, password_hash, create_time: now, update_time: now, generation: now };
        self.operators.put(name, operator.clone());
        Ok(operator)
    }

    /// That somebody else is an administrator when this one no longer is.
    fn has_another(&self, operator: &Operator) -> Result<()> {
        let others = || self.operators.iter().filter(|(name, _)| **name != operator.name);
        let lost = operator.role == Role::Administrator && !others().any(|(_, other)| other.role == Role::Administrator);
        if lost { Err(Conflict::LastAdministrator.into()) } else { Ok(()) }
    }
}

#[async_trait]
impl Operators for Memory {
    async fn create(&self, name: String, role: Role, password_hash: String, now: Millis) -> Result<Operator> {
        check_new(&name, &password_hash)?;
        self.unit(|state| state.create_operator(name, role, password_hash, now))
    }

    async fn create_first(&self, name: String, password_hash: String, now: Millis) -> Result<Option<Operator>> {
        check_new(&name, &password_hash)?;
        self.unit(|state| match state.operators.len() {
            0 => state.create_operator(name, Role::Administrator, password_hash, now).map(Some),
            _ => Ok(None),
        })
    }

    async fn get(&self, name: String) -> Result<Operator> {
        check::text("name", &name, 128)?;
        self.unit(|state| state.operator(&name))
    }

    async fn list(&self) -> Result<Vec<Operator>> {
        self.unit(|state| Ok(state.operators.iter().map(|(_, operator)| operator.clone()).take(BATCH_MAX).collect()))
    }

    async fn update(&self, name: String, update: OperatorUpdate, now: Millis) -> Result<Operator> {
        update.check()?;
        check::text("name", &name, 128)?;
        self.unit(|state| {
            let mut operator = state.operator(&name)?;
            if update.role.is_some_and(|role| role != Role::Administrator) {
                state.has_another(&operator)?;
            }
            operator.role = update.role.unwrap_or(operator.role);
            operator.password_hash = update.password_hash.unwrap_or(operator.password_hash);
            operator.update_time = now;
            operator.generation += 1;
            state.operators.put(name, operator.clone());
            Ok(operator)
        })
    }

    async fn delete(&self, name: String) -> Result<()> {
        check::text("name", &name, 128)?;
        self.unit(|state| {
            let operator = state.operator(&name)?;
            state.has_another(&operator)?;
            state.operators.remove(&name);
            Ok(())
        })
    }
}

#[async_trait]
impl Meta for Memory {
    async fn get(&self, name: String) -> Result<Option<Vec<u8>>> {
        check::text("name", &name, 128)?;
        self.unit(|state| Ok(state.meta.get(&name).cloned()))
    }

    async fn put(&self, name: String, value: Vec<u8>) -> Result<()> {
        check_meta(&name, &value)?;
        self.unit(|state| {
            state.meta.put(name, value);
            Ok(())
        })
    }

    async fn get_or_put(&self, name: String, value: Vec<u8>) -> Result<Vec<u8>> {
        check_meta(&name, &value)?;
        self.unit(|state| {
            if let Some(there) = state.meta.get(&name) {
                return Ok(there.clone());
            }
            state.meta.put(name, value.clone());
            Ok(value)
        })
    }

    async fn delete(&self, name: String) -> Result<bool> {
        check::text("name", &name, 128)?;
        self.unit(|state| Ok(state.meta.remove(&name).is_some()))
    }
}
