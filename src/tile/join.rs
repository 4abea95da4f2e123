//! What is joined to a skeleton, and the part of a layer's key and value tables that depends on it.

use std::{collections::HashMap, hash::BuildHasherDefault};

use super::{
    layer::Subject,
    repeats::MixBits,
    wire::{self, tag},
};
use crate::domain::{Column, Status};

/// In a slice of classes: this region has none.
pub const NO_CLASS: u8 = 255;

/// The values of one layer at one period, by the ordinal of the region.
#[derive(Debug, Clone, Copy)]
pub struct LayerValues<'a> {
    /// Values and statuses.
    pub column: &'a Column,
    /// Class of each region, [`NO_CLASS`] where there is none.
    pub classes: &'a [u8],
}

/// What a tile says about its regions besides key and name.
#[derive(Debug, Clone, Copy)]
pub enum Join<'a> {
    /// Nothing; the client joins values itself.
    GeometryOnly,
    /// One period: `value`, `class`, `status`.
    One(LayerValues<'a>),
    /// Several periods, each with its suffix, the period's slug: `value_2023`, `class_2023`, `status_2023` ….
    All(&'a [(String, LayerValues<'a>)]),
}

impl<'a> Join<'a> {
    /// The joined periods with the suffixes of their attributes.
    fn periods(&self) -> Vec<(Option<&'a str>, LayerValues<'a>)> {
        match *self {
            Self::GeometryOnly => Vec::new(),
            Self::One(values) => vec![(None, values)],
            Self::All(periods) => {
                periods.iter().map(|(suffix, values)| (Some(suffix.as_str()), *values)).collect()
            }
        }
    }
}

/// Writes the tags of features and collects the keys and values that these need beyond the static ones.
pub(super) struct Joiner<'a> {
    periods: Vec<(Option<&'a str>, LayerValues<'a>)>,
    /// Per period the indices of its keys, in the order of [`ATTRIBUTES`].
    keys: Vec<[Option<u32>; 3]>,
    next_key: u32,
    next_value: u32,
    numbers: HashMap<u64, u32, BuildHasherDefault<MixBits>>,
    classes: [Option<u32>; 256],
    statuses: [Option<u32>; 256],
    tail: Vec<u8>,
}

const ATTRIBUTES: [&str; 3] = ["value", "class", "status"];

impl<'a> Joiner<'a> {
    /// A joiner for a layer that already has `keys` keys and `values` values.
    pub(super) fn new(join: &Join<'a>, keys: u32, values: u32) -> Self {
        let periods = join.periods();
        Self {
            keys: vec![[None; 3]; periods.len()],
            periods,
            next_key: keys,
            next_value: values,
            numbers: HashMap::default(),
            classes: [None; 256],
            statuses: [None; 256],
            tail: Vec::new(),
        }
    }

    /// Appends the tags of a region's attributes. Where nobody lives there is no class, and nothing to say about a number
    /// that is not there.
    pub(super) fn tags(&mut self, subject: Subject, tags: &mut Vec<u8>) {
        let at = subject.ordinal as usize;
        for period in 0..self.periods.len() {
            let LayerValues { column, classes } = self.periods[period].1;
            if let Some(number) = column.value(at) {
                // `+ 0.0` turns -0 into 0, so that a popup never shows a sign of nothing.
                let value = self.number(number + 0.0);
                self.tag(period, 0, value, tags);
            }
            if let Some(&class) = classes.get(at).filter(|&&class| subject.inhabited && class != NO_CLASS) {
                let value = self.class(class);
                self.tag(period, 1, value, tags);
            }
            let status = column.status(at);
            if status != Status::Valid && (subject.inhabited || status.has_value()) {
                let value = self.status(status);
                self.tag(period, 2, value, tags);
            }
        }
    }

    /// The keys and values that were needed, as fields of the layer.
    pub(super) fn into_tail(self) -> Vec<u8> {
        self.tail
    }

    fn tag(&mut self, period: usize, attribute: usize, value: u32, tags: &mut Vec<u8>) {
        let key = self.key(period, attribute);
        wire::varint(tags, u64::from(key));
        wire::varint(tags, u64::from(value));
    }

    fn key(&mut self, period: usize, attribute: usize) -> u32 {
        if let Some(index) = self.keys[period][attribute] {
            return index;
        }
        let name = match self.periods[period].0 {
            None => ATTRIBUTES[attribute].to_owned(),
            Some(suffix) => format!("{}_{suffix}", ATTRIBUTES[attribute]),
        };
        wire::bytes_field(&mut self.tail, tag::LAYER_KEY, name.as_bytes());
        self.next_key += 1;
        *self.keys[period][attribute].insert(self.next_key - 1)
    }

    fn number(&mut self, number: f64) -> u32 {
        let (tail, next) = (&mut self.tail, &mut self.next_value);
        *self.numbers.entry(number.to_bits()).or_insert_with(|| {
            wire::double_value(tail, number);
            take(next)
        })
    }

    fn class(&mut self, class: u8) -> u32 {
        let (tail, next) = (&mut self.tail, &mut self.next_value);
        *self.classes[usize::from(class)].get_or_insert_with(|| {
            wire::uint_value(tail, u64::from(class));
            take(next)
        })
    }

    fn status(&mut self, status: Status) -> u32 {
        let (tail, next) = (&mut self.tail, &mut self.next_value);
        *self.statuses[status as usize].get_or_insert_with(|| {
            wire::string_value(tail, status.as_str());
            take(next)
        })
    }
}

fn take(next: &mut u32) -> u32 {
    *next += 1;
    *next - 1
}
