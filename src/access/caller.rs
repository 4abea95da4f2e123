//! The caller of a request.

use std::{collections::BTreeSet, sync::Arc};

use crate::{
    access::{Administrator, Editor, Manager, Operator, Publisher, Scope},
    domain::{Membership, Role, Slug},
};

/// Who is asking, decided once per request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Access {
    who: Who,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Who {
    Anybody,
    /// The person at the command line, who holds the store's file anyway.
    Local(String),
    Person(Arc<Person>),
}

/// Somebody whose credentials were verified, with what they allow: of a token, what it is limited to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Person {
    pub(super) name: String,
    pub(super) operator: bool,
    pub(super) memberships: Vec<Membership>,
}

impl Access {
    /// A caller without credentials.
    pub const fn public() -> Self {
        Self { who: Who::Anybody }
    }

    /// The person at the command line, by the name of the operating system.
    pub fn local(name: impl Into<String>) -> Self {
        Self { who: Who::Local(name.into()) }
    }

    pub(super) fn person(person: Person) -> Self {
        Self { who: Who::Person(Arc::new(person)) }
    }

    /// True for a caller without credentials. Answers to anybody else are never kept by a cache.
    pub const fn is_anonymous(&self) -> bool {
        matches!(self.who, Who::Anybody)
    }

    /// Name for records; `None` for a caller without credentials.
    pub fn name(&self) -> Option<&str> {
        match &self.who {
            Who::Anybody => None,
            Who::Local(name) => Some(name),
            Who::Person(person) => Some(&person.name),
        }
    }

    /// What the caller sees of an atlas.
    pub fn scope(&self, atlas: &Slug) -> Scope {
        match &self.who {
            Who::Anybody => Scope::public(),
            Who::Local(_) => Scope::internal(true, None),
            Who::Person(_) => self.membership(atlas).map_or(Scope::public(), |membership| {
                Scope::internal(membership.roles.contains(&Role::Statistician), membership.themes.clone())
            }),
        }
    }

    /// The caller as an editor of an atlas, if entitled.
    pub fn editor(&self, atlas: &Slug) -> Option<Editor> {
        self.acting(atlas, Role::Editor).map(|(name, themes)| Editor::new(name, Some(atlas), themes))
    }

    /// The caller as a publisher of an atlas, if entitled.
    pub fn publisher(&self, atlas: &Slug) -> Option<Publisher> {
        self.acting(atlas, Role::Publisher).map(|(name, themes)| Publisher::new(name, Some(atlas), themes))
    }

    /// The caller as an administrator of an atlas, if entitled.
    pub fn administrator(&self, atlas: &Slug) -> Option<Administrator> {
        self.acting(atlas, Role::Administrator).map(|(name, _)| Administrator::new(name, Some(atlas)))
    }

    /// The caller as the operator of the platform, if entitled. An operator sees no internal data of an atlas.
    pub fn operator(&self) -> Option<Operator> {
        match &self.who {
            Who::Local(name) => Some(Operator::local(name)),
            Who::Person(person) if person.operator => Some(Operator::local(&person.name)),
            Who::Anybody | Who::Person(_) => None,
        }
    }

    /// What the caller is in atlases; nothing for the command line, which holds the store.
    pub fn memberships(&self) -> &[Membership] {
        match &self.who {
            Who::Anybody | Who::Local(_) => &[],
            Who::Person(person) => &person.memberships,
        }
    }

    /// The caller as somebody who manages people, if entitled.
    pub fn manager(&self) -> Option<Manager> {
        match &self.who {
            Who::Anybody => None,
            Who::Local(name) => Some(Manager::local(name)),
            Who::Person(person) => {
                let administers = |m: &&Membership| m.roles.contains(&Role::Administrator);
                let atlases = person.memberships.iter().filter(administers).map(|m| m.atlas.clone());
                Manager::new(&person.name, person.operator, atlases.collect())
            }
        }
    }

    fn membership(&self, atlas: &Slug) -> Option<&Membership> {
        let Who::Person(person) = &self.who else { return None };
        person.memberships.iter().find(|m| m.atlas == *atlas)
    }

    fn acting(&self, atlas: &Slug, role: Role) -> Option<(&str, Option<BTreeSet<Slug>>)> {
        match &self.who {
            Who::Anybody => None,
            Who::Local(name) => Some((name, None)),
            Who::Person(person) => {
                let membership = self.membership(atlas)?;
                membership.roles.contains(&role).then(|| (person.name.as_str(), membership.themes.clone()))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Audience;

    fn slug(text: &str) -> Slug {
        text.parse().unwrap()
    }

    fn member(roles: &[Role], themes: Option<&[&str]>) -> Access {
        Access::person(Person {
            name: "anna".into(),
            operator: false,
            memberships: vec![Membership {
                atlas: slug("a"),
                roles: roles.iter().copied().collect(),
                themes: themes.map(|list| list.iter().map(|t| slug(t)).collect()),
            }],
        })
    }

    #[test]
    fn a_membership_counts_in_its_own_atlas_only() {
        let access = member(&[Role::Editor], None);
        assert_eq!(access.scope(&slug("a")).audience(), Audience::Internal);
        assert_eq!(access.scope(&slug("b")), Scope::public());
        assert!(access.editor(&slug("a")).is_some() && access.editor(&slug("b")).is_none());
        assert!(access.publisher(&slug("a")).is_none());
    }

    #[test]
    fn a_role_brings_its_own_right_and_no_other() {
        let publisher = member(&[Role::Publisher], None);
        assert!(publisher.publisher(&slug("a")).is_some() && publisher.editor(&slug("a")).is_none());
        assert!(!publisher.scope(&slug("a")).sees_restricted());
        assert!(member(&[Role::Statistician], None).scope(&slug("a")).sees_restricted());
    }

    #[test]
    fn a_membership_may_be_limited_to_themes() {
        let access = member(&[Role::Editor], Some(&["health"]));
        let scope = access.scope(&slug("a"));
        assert!(scope.sees_theme(&slug("health")) && !scope.sees_theme(&slug("education")));
        let editor = access.editor(&slug("a")).unwrap();
        assert!(
            editor.may(&slug("a"), Some(&slug("health")))
                && !editor.may(&slug("a"), Some(&slug("education")))
        );
    }

    #[test]
    fn an_operator_sees_no_internal_data() {
        let person = Person { name: "op".into(), operator: true, memberships: Vec::new() };
        let access = Access::person(person);
        assert!(access.operator().is_some());
        assert_eq!(access.scope(&slug("a")), Scope::public());
    }
}
