//! A table as short equations between statistics.
//!
//! Holds one variable per different form and per base count, in an order that does not depend on how the table was labelled,
//! and one equation per sum: a Kreis is the sum of its Gemeinden, not of a hundred base counts. Must not know: what is
//! suppressed.
//!
//! Invariant: the equations and the signs of base counts say exactly what the forms of the table say.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, HashMap},
};

use super::{
    protect::ProtectError,
    table::{CellId, Form, Ratio, Show, Shown, Table},
};

/// Place of a variable in [`System::vars`]: more valuable ones have smaller numbers.
pub(super) type VarId = usize;

/// What may become public of a variable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Standing {
    /// It is public, whatever is suppressed.
    Known,
    /// It is published unless it is suppressed.
    Candidate,
    /// It is never published.
    Hidden,
}

/// A statistic, or a base count that is none.
#[derive(Debug, Clone)]
pub(super) struct Var {
    /// Its true value.
    pub value: i64,
    /// What may become public of it.
    pub standing: Standing,
    /// It must be protected.
    pub primary: bool,
    /// It is a base count, which is never negative.
    pub is_base: bool,
    /// How much it may shrink and grow at most for what is public for ever.
    pub room: (i64, i64),
    /// The cells of the table that are this number.
    pub cells: Vec<CellId>,
}

/// A whole-numbered linear form of variables.
pub(super) type Row = Vec<(VarId, i64)>;

/// What a rounded number tells: how much a form of the variables may grow from its true value.
#[derive(Debug, Clone)]
pub(super) struct Margin {
    /// The form.
    pub terms: Vec<(VarId, i128)>,
    /// By how much it may grow at most; not negative.
    pub room: i128,
}

/// A table as equations.
#[derive(Debug, Clone, Default)]
pub(super) struct System {
    /// The variables, more valuable ones first, those that are never published last.
    pub vars: Vec<Var>,
    /// Forms that are 0.
    pub rows: Vec<Row>,
    /// What rounded numbers tell.
    pub margins: Vec<Margin>,
    /// The rows of each variable.
    pub rows_of: Vec<Vec<usize>>,
    /// The margins of each variable.
    pub margins_of: Vec<Vec<usize>>,
    /// Numerators of ratios that are shown exactly when the numerator is, by denominator: such a ratio would tell it.
    pub numerators_of: Vec<Vec<VarId>>,
    /// The same by numerator.
    pub denominators_of: Vec<Vec<VarId>>,
    /// The primary variables.
    pub primary: Vec<VarId>,
}

/// A different form of the table, or a base count, before it has its number.
struct Draft<'a> {
    var: Var,
    form: Option<&'a Form>,
    base: Option<u32>,
    rank: u32,
    colour: u64,
}

impl System {
    /// The equations of a table.
    ///
    /// # Errors
    /// If the table names what is not there or contradicts what it says is public.
    pub fn new(table: &Table, primary: &[CellId]) -> Result<Self, ProtectError> {
        table.check()?;
        let mut is_primary = vec![false; table.cells.len()];
        for cell in primary {
            *is_primary.get_mut(*cell).ok_or(ProtectError::UnknownCell(*cell))? = true;
        }
        let drafts = drafts(table, &is_primary);
        let mut var_of_base = vec![None; table.base.len()];
        let mut var_of_cell = vec![0; table.cells.len()];
        for (id, draft) in drafts.iter().enumerate() {
            if let Some(base) = draft.base {
                var_of_base[base as usize] = Some(id);
            }
            for cell in &draft.var.cells {
                var_of_cell[*cell] = id;
            }
        }
        let rows = sums(&drafts, &var_of_base);
        let vars: Vec<Var> = drafts.into_iter().map(|d| d.var).collect();
        let mut system = Self {
            rows_of: vec![Vec::new(); vars.len()],
            margins_of: vec![Vec::new(); vars.len()],
            numerators_of: vec![Vec::new(); vars.len()],
            denominators_of: vec![Vec::new(); vars.len()],
            primary: (0..vars.len()).filter(|v| vars[*v].primary).collect(),
            vars,
            rows,
            margins: Vec::new(),
        };
        for (id, ratio) in table.ratios.iter().enumerate() {
            system.add_ratio(id, ratio, var_of_cell[ratio.numerator], var_of_cell[ratio.denominator])?;
        }
        system.drop_known();
        system.drop_hidden();
        system.index();
        Ok(system)
    }

    /// What is known for ever does not move.
    fn drop_known(&mut self) {
        let vars = &self.vars;
        let moves = |var: VarId| vars[var].standing != Standing::Known;
        self.rows.iter_mut().for_each(|row| row.retain(|(v, _)| moves(*v)));
        self.margins.iter_mut().for_each(|margin| margin.terms.retain(|(v, _)| moves(*v)));
    }

    /// A number that nobody asks for and that is in one equation only is what the equation says: of the equation remains
    /// that a base count is not negative.
    fn drop_hidden(&mut self) {
        let mut uses = vec![0_usize; self.vars.len()];
        self.rows.iter().flatten().for_each(|(v, _)| uses[*v] += 1);
        self.margins.iter().flat_map(|m| &m.terms).for_each(|(v, _)| uses[*v] += 1);
        let mut dropped = true;
        while std::mem::take(&mut dropped) {
            for row in &mut self.rows {
                let idle = |(v, factor): &&(VarId, i64)| {
                    let var = &self.vars[*v];
                    var.standing == Standing::Hidden && !var.primary && uses[*v] == 1 && factor.abs() == 1
                };
                let Some((hidden, sign)) = row.iter().find(idle).copied() else { continue };
                dropped = true;
                let others = std::mem::take(row).into_iter().filter(|(v, _)| *v != hidden);
                let terms: Vec<(VarId, i128)> = others.map(|(v, f)| (v, i128::from(f * sign))).collect();
                if self.vars[hidden].is_base {
                    self.margins.push(Margin { terms, room: i128::from(self.vars[hidden].value) });
                } else {
                    for (v, _) in &terms {
                        uses[*v] -= 1;
                    }
                }
            }
        }
        self.rows.retain(|row| !row.is_empty());
    }

    /// Finds the rows and margins of each variable; a margin of one variable is its own room.
    fn index(&mut self) {
        for margin in &self.margins {
            if let [(var, factor)] = margin.terms[..] {
                let most = i64::try_from(margin.room / factor.abs().max(1)).unwrap_or(i64::MAX);
                let (low, high) = &mut self.vars[var].room;
                if factor > 0 {
                    *high = most.min(*high);
                } else {
                    *low = (-most).max(*low);
                }
            }
        }
        self.margins.retain(|margin| margin.terms.len() > 1);
        for (id, row) in self.rows.iter().enumerate() {
            for (var, _) in row {
                self.rows_of[*var].push(id);
            }
        }
        for (id, margin) in self.margins.iter().enumerate() {
            for (var, _) in &margin.terms {
                self.margins_of[*var].push(id);
            }
        }
    }

    fn add_ratio(
        &mut self,
        id: usize,
        ratio: &Ratio,
        numerator: VarId,
        denominator: VarId,
    ) -> Result<(), ProtectError> {
        let Some(shown) = ratio.shown else {
            self.numerators_of[denominator].push(numerator);
            self.denominators_of[numerator].push(denominator);
            return Ok(());
        };
        let (scale, low, high) = shown_bounds(&shown).ok_or(ProtectError::Contradiction(id))?;
        // scale × numerator lies between low × denominator and high × denominator.
        for terms in [[(numerator, scale), (denominator, -high)], [(numerator, -scale), (denominator, low)]] {
            let value = |(var, factor): (VarId, i128)| factor.checked_mul(i128::from(self.vars[var].value));
            let now = value(terms[0]).zip(value(terms[1])).and_then(|(a, b)| a.checked_add(b));
            let room = now.and_then(i128::checked_neg).filter(|r| *r >= 0);
            let room = room.ok_or(ProtectError::Contradiction(id))?;
            self.margins.push(Margin { terms: terms.to_vec(), room });
        }
        Ok(())
    }
}

/// How much a number may shrink and grow as such.
fn room(is_base: bool, value: i64) -> (i64, i64) {
    (if is_base { -value } else { i64::MIN }, i64::MAX)
}

/// `(scale, low, high)`: scale × numerator ÷ denominator lies between low and high, both included.
fn shown_bounds(shown: &Shown) -> Option<(i128, i128, i128)> {
    // More decimals than a floating-point number holds say nothing more.
    let unit = 10_i128.pow(u32::from(shown.decimals.min(9)));
    let number = (shown.value * unit as f64).round();
    let per = (shown.per * 1000.0).round();
    let fits = |x: f64| x.is_finite() && x.abs() < 1e15;
    if !fits(number) || !fits(per) || per <= 0.0 {
        return None;
    }
    let (number, per) = (number as i128, per as i128);
    Some((2 * unit * per, (2 * number - 1) * 1000, (2 * number + 1) * 1000))
}

/// The variables in their order.
fn drafts<'a>(table: &'a Table, is_primary: &[bool]) -> Vec<Draft<'a>> {
    let (base_colours, cell_colours) = colours(table, is_primary);
    let mut cells_of: HashMap<&Form, Vec<CellId>> = HashMap::new();
    for (id, cell) in table.cells.iter().enumerate() {
        cells_of.entry(&cell.form).or_default().push(id);
    }
    let mut named = vec![false; table.base.len()];
    let mut drafts = Vec::with_capacity(cells_of.len());
    for (form, cells) in cells_of {
        let base = match form.terms() {
            [(base, 1)] => Some(*base),
            _ => None,
        };
        if let Some(base) = base {
            named[base as usize] = true;
        }
        let primary = cells.iter().any(|c| is_primary[*c]);
        let value = cells.first().map_or(0, |c| table.value(*c));
        let shown = |show: Show| cells.iter().any(|c| table.cells[*c].show == show);
        let public_zero = table.policy.zeros_public && value == 0 && !primary;
        let standing = match () {
            () if form.terms().is_empty() || shown(Show::Known) => Standing::Known,
            // No zero is suppressed where zeros are public, so that one may as well be public from the start.
            () if shown(Show::Candidate) && public_zero => Standing::Known,
            () if shown(Show::Candidate) => Standing::Candidate,
            () => Standing::Hidden,
        };
        let rank = cells.iter().map(|c| table.cells[*c].rank).min().unwrap_or(0);
        let colour = cells.iter().fold(0_u64, |sum, c| sum.wrapping_add(cell_colours[*c]));
        let is_base = base.is_some();
        let var = Var { value, standing, primary, is_base, room: room(is_base, value), cells };
        drafts.push(Draft { var, form: Some(form), base, rank, colour });
    }
    let used = table.cells.iter().flat_map(|c| c.form.terms());
    let mut unnamed: Vec<u32> = used.map(|(b, _)| *b).filter(|b| !named[*b as usize]).collect();
    unnamed.sort_unstable();
    unnamed.dedup();
    drafts.extend(unnamed.into_iter().map(|base| {
        let value = i64::try_from(table.base[base as usize]).unwrap_or(i64::MAX);
        let standing = Standing::Hidden;
        Draft {
            var: Var {
                value,
                standing,
                primary: false,
                is_base: true,
                room: room(true, value),
                cells: Vec::new(),
            },
            form: None,
            base: Some(base),
            rank: u32::MAX,
            colour: base_colours[base as usize],
        }
    }));
    drafts.sort_by_cached_key(|d| {
        let hidden = d.var.standing == Standing::Hidden;
        (hidden, d.rank, Reverse(d.var.value), d.colour, d.var.cells.first().copied(), d.base)
    });
    drafts
}

/// One number per base count and one per cell that tell them apart as far as a few steps around them do, whatever their
/// order (colour refinement of Weisfeiler and Leman).
fn colours(table: &Table, is_primary: &[bool]) -> (Vec<u64>, Vec<u64>) {
    const STEPS: usize = 6;
    let mut base: Vec<u64> = table.base.iter().map(|count| mix(1, *count)).collect();
    let own = table.cells.iter().enumerate().map(|(id, cell)| {
        let start = mix(u64::from(cell.rank), table.value(id) as u64);
        mix(start, cell.show as u64 * 2 + u64::from(is_primary[id]))
    });
    let mut cells: Vec<u64> = own.collect();
    for _ in 0..STEPS {
        let mut base_sums = vec![0_u64; base.len()];
        let mut cell_sums = vec![0_u64; cells.len()];
        for (id, cell) in table.cells.iter().enumerate() {
            for (b, factor) in cell.form.terms() {
                let b = *b as usize;
                base_sums[b] = base_sums[b].wrapping_add(mix(cells[id], *factor as u64));
                cell_sums[id] = cell_sums[id].wrapping_add(mix(base[b], *factor as u64));
            }
        }
        for ratio in &table.ratios {
            let shown = ratio.shown.map_or(0, |s| s.value.to_bits());
            let (n, d) = (ratio.numerator, ratio.denominator);
            cell_sums[n] = cell_sums[n].wrapping_add(mix(mix(cells[d], shown), 2));
            cell_sums[d] = cell_sums[d].wrapping_add(mix(mix(cells[n], shown), 3));
        }
        base.iter_mut().zip(base_sums).for_each(|(colour, sum)| *colour = mix(*colour, sum));
        cells.iter_mut().zip(cell_sums).for_each(|(colour, sum)| *colour = mix(*colour, sum));
    }
    (base, cells)
}

/// Two numbers as one that looks like chance (the finaliser of `SplitMix64`).
fn mix(a: u64, b: u64) -> u64 {
    let mut z = a.wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add(b).wrapping_add(0x632B_E59B_D9B4_E019);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// Each form that is no base count as a sum of few other forms that fit into it, and of base counts.
fn sums(drafts: &[Draft<'_>], var_of_base: &[Option<VarId>]) -> Vec<Row> {
    let terms_of = |var: VarId| drafts[var].form.map_or(&[][..], Form::terms);
    let mut containing: Vec<Vec<VarId>> = vec![Vec::new(); var_of_base.len()];
    let mut by_size: Vec<VarId> = (0..drafts.len()).filter(|v| drafts[*v].base.is_none()).collect();
    by_size.sort_by_key(|v| (Reverse(terms_of(*v).len()), *v));
    for var in &by_size {
        for (base, _) in terms_of(*var) {
            containing[*base as usize].push(*var);
        }
    }
    let mut missing = vec![0_i64; var_of_base.len()];
    let mut rows = Vec::with_capacity(by_size.len());
    for var in by_size {
        let mut terms: Vec<(u32, i64)> = terms_of(var).to_vec();
        terms.sort_by_key(|(base, _)| var_of_base[*base as usize]);
        let Some((first, _)) = terms.first() else { continue };
        let smaller = |v: &VarId| terms_of(*v).len() < terms.len();
        let starts = containing[*first as usize].iter().copied().filter(smaller).map(Some).chain([None]);
        let mut best: Option<Row> = None;
        for start in starts {
            for (base, factor) in &terms {
                missing[*base as usize] = *factor;
            }
            let mut row: BTreeMap<VarId, i64> = BTreeMap::from([(var, -1)]);
            for (base, factor) in &terms {
                let fits = |v: &VarId| terms_of(*v).iter().all(|(b, f)| missing[*b as usize] == *f);
                if missing[*base as usize] == 0 {
                    continue;
                }
                let part = if base == first {
                    start.filter(fits)
                } else {
                    containing[*base as usize].iter().copied().filter(smaller).find(fits)
                };
                if let Some(part) = part {
                    for (b, _) in terms_of(part) {
                        missing[*b as usize] = 0;
                    }
                    row.insert(part, 1);
                } else if let Some(single) = var_of_base[*base as usize] {
                    missing[*base as usize] = 0;
                    row.insert(single, *factor);
                }
            }
            if best.as_ref().is_none_or(|b| row.len() < b.len()) {
                best = Some(row.into_iter().collect());
            }
        }
        rows.extend(best);
    }
    rows
}
