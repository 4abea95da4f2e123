//! Clipping to the buffered box of a tile so that areas add up.
//!
//! Every path is first clamped: what lies outside is moved to the nearest point of the box. Clamping keeps, for every
//! closed path, exactly the signed area that it encloses within the box, and an arc is clamped once for both its
//! sides, so the areas of neighbours add up exactly. Then the pieces inside the box are joined anew along the box's
//! edge, which gives valid polygons without the bridges of Sutherland and Hodgman's method.

use super::rings::{self, Extent, Polygon, Xy};
use super::{BUFFER, EXTENT};

const LOW: i32 = -BUFFER;
const HIGH: i32 = EXTENT + BUFFER;
const SIDE: i32 = HIGH - LOW;

/// The buffered box in tile coordinates.
pub(super) const BOX: Extent = Extent { min: [LOW, LOW], max: [HIGH, HIGH] };

/// Appends the clamped path of the points, which are in tile coordinates.
pub(super) fn clamp_path(points: impl Iterator<Item = Xy>, path: &mut Vec<Xy>) {
    let start = path.len();
    let mut last: Option<Xy> = None;
    for point in points {
        match last {
            None => path.push(clamp(point)),
            Some(from) => {
                let (crossings, count) = crossings(from, point);
                for &crossing in crossings[..count].iter().chain([&clamp(point)]) {
                    push(path, start, crossing);
                }
            }
        }
        last = Some(point);
    }
}

/// Appends a point; a point between two others on the same side of the box goes.
fn push(path: &mut Vec<Xy>, start: usize, point: Xy) {
    if let [.., a, b] = path[start..] {
        if on_same_side(a, b) && on_same_side(b, point) && on_same_side(a, point) {
            path.pop();
        }
    }
    if path[start..].last() != Some(&point) {
        path.push(point);
    }
}

fn clamp(point: Xy) -> Xy {
    point.map(|value| value.clamp(LOW, HIGH))
}

/// True if both points lie on one common side of the box.
fn on_same_side(a: Xy, b: Xy) -> bool {
    (0..2).any(|axis| a[axis] == b[axis] && (a[axis] == LOW || a[axis] == HIGH))
}

fn on_boundary(point: Xy) -> bool {
    on_same_side(point, point)
}

/// Where a segment crosses the four lines through the box's sides, in order along the segment, rounded and clamped.
fn crossings(from: Xy, to: Xy) -> ([Xy; 4], usize) {
    let mut found = [(0.0, [0; 2]); 4];
    let mut count = 0;
    let beyond =
        |axis: usize| (from[axis] <= LOW && to[axis] <= LOW) || (from[axis] >= HIGH && to[axis] >= HIGH);
    let inside = |point: Xy| point.iter().all(|value| (LOW..=HIGH).contains(value));
    if !(beyond(0) || beyond(1) || (inside(from) && inside(to))) {
        for axis in 0..2 {
            for line in [LOW, HIGH] {
                if (from[axis] < line) == (to[axis] < line) || from[axis] == line || to[axis] == line {
                    continue;
                }
                let [run, rise] = [axis, 1 - axis].map(|axis| i64::from(to[axis]) - i64::from(from[axis]));
                let part = i64::from(line) - i64::from(from[axis]);
                let other = i64::from(from[1 - axis]) + rounded_quotient(rise * part, run);
                let mut point = [0; 2];
                point[axis] = line;
                point[1 - axis] = other.clamp(LOW.into(), HIGH.into()) as i32;
                found[count] = (part as f64 / run as f64, point);
                count += 1;
            }
        }
        found[..count].sort_by(|a, b| a.0.total_cmp(&b.0));
    }
    (found.map(|(_, point)| point), count)
}

fn rounded_quotient(dividend: i64, divisor: i64) -> i64 {
    let (dividend, divisor) = if divisor < 0 { (-dividend, -divisor) } else { (dividend, divisor) };
    (2 * dividend + divisor).div_euclid(2 * divisor)
}

/// The pieces of a clamped path that run inside the box, not along its edge.
pub(super) fn inner_pieces(path: &[Xy]) -> Vec<Vec<Xy>> {
    let mut pieces: Vec<Vec<Xy>> = Vec::new();
    let mut open = false;
    for edge in path.windows(2) {
        if on_same_side(edge[0], edge[1]) {
            open = false;
        } else if let (true, Some(piece)) = (open, pieces.last_mut()) {
            piece.push(edge[1]);
        } else {
            pieces.push(edge.to_vec());
            open = true;
        }
    }
    pieces
}

/// Makes polygons of the clamped rings of one polygon (exterior first). Returns them with the twice-area that they
/// have more than the clamped rings, which is 0 but for rings that rounding has turned inside out.
pub(super) fn polygons_of(mut clamped: Polygon) -> (Vec<Polygon>, i64) {
    let exact: i64 = clamped.iter().map(|ring| rings::area2(ring)).sum();
    for ring in &mut clamped {
        tidy(ring);
    }
    let cut = clamped.iter().flatten().any(|&point| on_boundary(point));
    let polygons = if cut { joined(clamped, exact) } else { as_polygon(clamped) };
    let emitted: i64 = polygons.iter().flatten().map(|ring| rings::area2(ring)).sum();
    (polygons, emitted - exact)
}

/// Drops repeated points, spikes and points between others on the box's edge. Points on straight lines inside stay:
/// they are where a third region's border ends, and both sides must have them.
fn tidy(ring: &mut Vec<Xy>) {
    rings::drop_vertices(ring, |a, b, c| {
        a == b
            || b == c
            || (rings::cross(a, b, c) == 0
                && (rings::dot(a, b, c) < 0 || (on_same_side(a, b) && on_same_side(b, c))))
    });
}

/// An exterior and its holes as they are, without those that rounding has turned inside out or emptied.
fn as_polygon(rings: Polygon) -> Vec<Polygon> {
    let mut rings = rings.into_iter();
    let Some(exterior) = rings.next().filter(|ring| rings::area2(ring) > 0) else { return Vec::new() };
    let mut polygon = vec![exterior];
    polygon.extend(rings.filter(|ring| rings::area2(ring) < 0));
    let area2: i64 = polygon.iter().map(|ring| rings::area2(ring)).sum();
    if area2 > 0 { vec![polygon] } else { Vec::new() }
}

/// Joins the inner pieces of clamped rings along the box's edge.
fn joined(clamped: Polygon, exact: i64) -> Vec<Polygon> {
    let mut whole: Vec<Vec<Xy>> = Vec::new();
    let mut pieces: Vec<Vec<Xy>> = Vec::new();
    for mut ring in clamped.iter().cloned() {
        match ring.iter().position(|&point| on_boundary(point)) {
            None => whole.push(ring),
            Some(start) => {
                ring.rotate_left(start);
                ring.push(ring[0]);
                for piece in inner_pieces(&ring) {
                    pieces.extend(split_at_boundary(&piece));
                }
            }
        }
    }
    let inner: i64 = whole.iter().map(|ring| rings::area2(ring)).sum();
    let closed = [false, true].into_iter().find_map(|covered| {
        let rings = close_along_box(&pieces, covered)?;
        let area2: i64 = rings.iter().map(|ring| rings::area2(ring)).sum();
        (area2 + inner == exact).then_some(rings)
    });
    match closed {
        Some(rings) => {
            whole.extend(rings.iter().flat_map(|ring| rings::split_at_repeats(ring)));
            whole.iter_mut().for_each(tidy);
            without_orphans(whole)
        }
        // Rounding has made the pieces cross at the box's edge: the clamped rings are right in area, with bridges.
        None => without_orphans(clamped),
    }
}

fn without_orphans(rings: Vec<Vec<Xy>>) -> Vec<Polygon> {
    let (mut polygons, _orphans) = rings::assemble(rings);
    polygons.retain(|polygon| polygon.iter().map(|ring| rings::area2(ring)).sum::<i64>() > 0);
    polygons
}

/// Cuts a path that begins and ends on the box's edge wherever it touches the edge between.
fn split_at_boundary(path: &[Xy]) -> Vec<Vec<Xy>> {
    let mut pieces = Vec::new();
    let mut start = 0;
    for index in 1..path.len() {
        if on_boundary(path[index]) {
            pieces.push(path[start..=index].to_vec());
            start = index;
        }
    }
    pieces
}

/// Way from the box's corner (low, low) along its edge, in the direction of positive area.
fn way(point: Xy) -> i32 {
    let [x, y] = point;
    match () {
        () if y == LOW && x < HIGH => x - LOW,
        () if x == HIGH && y < HIGH => SIDE + y - LOW,
        () if y == HIGH && x > LOW => 2 * SIDE + HIGH - x,
        () => 3 * SIDE + HIGH - y,
    }
}

/// Closes pieces to rings: from the end of each along the box's edge to the next beginning. `covered` tells whether
/// the corner (low, low) is inside. `None` if ends and beginnings do not alternate.
fn close_along_box(pieces: &[Vec<Xy>], covered: bool) -> Option<Vec<Vec<Xy>>> {
    if pieces.is_empty() {
        let corners = vec![[LOW, LOW], [HIGH, LOW], [HIGH, HIGH], [LOW, HIGH]];
        return Some(if covered { vec![corners] } else { Vec::new() });
    }
    let mut starts: Vec<(i32, usize)> = Vec::with_capacity(pieces.len());
    let mut ends: Vec<(i32, usize)> = Vec::with_capacity(pieces.len());
    for (index, piece) in pieces.iter().enumerate() {
        starts.push((way(*piece.first()?), index));
        ends.push((way(*piece.last()?), index));
    }
    starts.sort_unstable();
    ends.sort_unstable();
    // The n-th end leads to the n-th beginning, or, if the corner is covered, to the one after.
    let shift = usize::from(covered);
    let count = pieces.len();
    let mut next = vec![0; count];
    for (rank, &(from, piece)) in ends.iter().enumerate() {
        let (to, successor) = starts[(rank + shift) % count];
        let wraps = rank + shift >= count;
        let following = ends.get(rank + 1).map_or(i32::MAX, |end| end.0);
        if (!wraps && (to < from || to > following)) || (wraps && to > ends[0].0) {
            return None;
        }
        next[piece] = successor;
    }
    let mut rings = Vec::new();
    let mut used = vec![false; count];
    for first in 0..count {
        let mut ring = Vec::new();
        let mut piece = first;
        while !used[piece] {
            used[piece] = true;
            ring.extend_from_slice(&pieces[piece]);
            let (end, start) = (pieces[piece].last()?, pieces[next[piece]].first()?);
            let around = (covered && ends.last().is_some_and(|last| last.1 == piece)).then_some(4 * SIDE);
            corners_between(way(*end), way(*start) + around.unwrap_or(0), &mut ring);
            piece = next[piece];
        }
        if !ring.is_empty() {
            ring.dedup();
            if ring.first() == ring.last() {
                ring.pop();
            }
            rings.push(ring);
        }
    }
    Some(rings)
}

/// Appends the box's corners strictly between two ways along its edge.
fn corners_between(from: i32, to: i32, ring: &mut Vec<Xy>) {
    const CORNERS: [Xy; 4] = [[LOW, LOW], [HIGH, LOW], [HIGH, HIGH], [LOW, HIGH]];
    let first = from.div_euclid(SIDE) + 1;
    ring.extend(
        (first..8).take_while(|&corner| corner * SIDE < to).map(|corner| CORNERS[corner as usize % 4]),
    );
}

/// The part of a square around a point that lies in the box, if it has an area.
pub(super) fn square_in_box(centre: Xy, half: i32) -> Option<Vec<Xy>> {
    let [left, top] = centre.map(|value| (value - half).max(LOW));
    let [right, bottom] = centre.map(|value| (value + half).min(HIGH));
    (left < right && top < bottom).then(|| vec![[left, top], [right, top], [right, bottom], [left, bottom]])
}
