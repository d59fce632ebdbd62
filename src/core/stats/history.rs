//! What was measured in the last day, for charts: a value of each series a second, in fewer points the
//! longer ago.
//!
//! Three rings of a fixed size: seconds for ten minutes, tens of seconds for two hours, minutes for
//! a day, which takes the same memory from the start on. What was not measured is not there: a hole stays a hole. Times are whole seconds, of any clock that
//! does not go back; what comes from before the newest is dropped.

use std::collections::VecDeque;

/// How values that fall together become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Join {
    /// Their mean: what flows.
    Mean,
    /// The largest: what must not vanish between others.
    Most,
}

/// The values of one time, in the order of the series; `None` cannot be told.
pub type Row<const N: usize> = [Option<f32>; N];

/// Rings by the seconds of a point, and how many points each has.
const RINGS: [(u64, usize); 3] = [(1, 600), (10, 720), (60, 1_440)];

/// The last day, of `N` series.
#[derive(Debug)]
pub struct History<const N: usize> {
    joins: [Join; N],
    rings: [Ring<N>; RINGS.len()],
}

/// Series as columns: each as long as `at`.
#[derive(Clone, Debug, PartialEq)]
pub struct Columns<const N: usize> {
    /// Seconds that a point stands for.
    pub step: u64,
    /// Where each point begins, a whole multiple of the step.
    pub at: Vec<u64>,
    /// The values, by series.
    pub series: [Vec<Option<f32>>; N],
}

impl<const N: usize> History<N> {
    /// Nothing yet, of series that are joined in these ways.
    #[must_use]
    pub fn new(joins: [Join; N]) -> Self {
        Self { joins, rings: RINGS.map(|(step, most)| Ring::new(step, most)) }
    }

    /// What was measured at a time.
    pub fn push(&mut self, at: u64, row: &Row<N>) {
        for ring in &mut self.rings {
            ring.push(at, row, &self.joins);
        }
    }

    /// From a time up to and with another, in at most so many points; fewer than two is two.
    #[must_use]
    pub fn columns(&self, since: u64, until: u64, points: usize) -> Columns<N> {
        let newest = self.rings.iter().find_map(Ring::newest).unwrap_or(until);
        // The finest that reaches back so far, or else the one that reaches furthest.
        let reaches = |ring: &&Ring<N>| ring.reach() >= newest.saturating_sub(since);
        let ring = self.rings.iter().find(reaches).or(self.rings.last());
        let mut columns =
            Columns { step: 1, at: Vec::new(), series: std::array::from_fn(|_| Vec::new()) };
        let Some(ring) = ring else { return columns };
        let span = until.saturating_sub(since).saturating_add(1);
        // Steps begin at whole multiples: the span may take a part of one more.
        let steps = u64::try_from(points).unwrap_or(u64::MAX).saturating_sub(1).max(1);
        let wanted = span.div_ceil(steps);
        columns.step = wanted.div_ceil(ring.step).max(1).saturating_mul(ring.step);
        let mut open = Gathered::new();
        for (at, row) in ring.points(&self.joins).filter(|(at, _)| (since..=until).contains(at)) {
            let begin = at - at % columns.step;
            if open.begin != begin {
                columns.take(open, &self.joins);
                open = Gathered { begin, ..Gathered::new() };
            }
            open.add(&row);
        }
        columns.take(open, &self.joins);
        columns
    }
}

impl<const N: usize> Columns<N> {
    fn take(&mut self, gathered: Gathered<N>, joins: &[Join; N]) {
        if gathered.rows == 0 {
            return;
        }
        self.at.push(gathered.begin);
        for (column, value) in self.series.iter_mut().zip(gathered.row(joins)) {
            column.push(value);
        }
    }
}

/// A row as it is kept: what cannot be told is no number.
type Kept<const N: usize> = [f32; N];

#[derive(Debug)]
struct Ring<const N: usize> {
    step: u64,
    most: usize,
    /// Those that are over, the oldest first.
    over: VecDeque<(u64, Kept<N>)>,
    /// The one that lasts.
    open: Gathered<N>,
}

impl<const N: usize> Ring<N> {
    fn new(step: u64, most: usize) -> Self {
        Self { step, most, over: VecDeque::with_capacity(most), open: Gathered::new() }
    }

    fn push(&mut self, at: u64, row: &Row<N>, joins: &[Join; N]) {
        let begin = at - at % self.step;
        if begin < self.open.begin {
            return;
        }
        if begin > self.open.begin {
            let oldest = begin.saturating_sub(self.reach());
            while self.over.front().is_some_and(|(at, _)| *at <= oldest) {
                self.over.pop_front();
            }
            if self.open.rows > 0 && self.open.begin > oldest {
                let row = self.open.row(joins);
                self.over.push_back((self.open.begin, row.map(|it| it.unwrap_or(f32::NAN))));
            }
            self.open = Gathered { begin, ..Gathered::new() };
        }
        self.open.add(row);
    }

    /// How many seconds it goes back.
    fn reach(&self) -> u64 {
        self.step.saturating_mul(u64::try_from(self.most).unwrap_or(u64::MAX))
    }

    fn newest(&self) -> Option<u64> {
        (self.open.rows > 0).then_some(self.open.begin)
    }

    fn points(&self, joins: &[Join; N]) -> impl Iterator<Item = (u64, Row<N>)> {
        let open = self.newest().map(|at| (at, self.open.row(joins)));
        let told = |row: &Kept<N>| row.map(|value| Some(value).filter(|it| !it.is_nan()));
        self.over.iter().map(move |(at, row)| (*at, told(row))).chain(open)
    }
}

/// Values that fall together.
#[derive(Clone, Copy, Debug)]
struct Gathered<const N: usize> {
    begin: u64,
    rows: u32,
    sums: [f64; N],
    told: [u32; N],
    most: [f32; N],
}

impl<const N: usize> Gathered<N> {
    const fn new() -> Self {
        Self { begin: 0, rows: 0, sums: [0.0; N], told: [0; N], most: [f32::MIN; N] }
    }

    fn add(&mut self, row: &Row<N>) {
        self.rows = self.rows.saturating_add(1);
        let slots = self.sums.iter_mut().zip(&mut self.told).zip(&mut self.most);
        for (((sum, told), most), value) in slots.zip(row) {
            let Some(value) = value.filter(|value| value.is_finite()) else { continue };
            *sum += f64::from(value);
            *told = told.saturating_add(1);
            *most = most.max(value);
        }
    }

    fn row(&self, joins: &[Join; N]) -> Row<N> {
        let mut row = [None; N];
        let slots = self.sums.iter().zip(&self.told).zip(&self.most).zip(joins);
        for (value, (((sum, told), most), join)) in row.iter_mut().zip(slots) {
            if *told == 0 {
                continue;
            }
            #[expect(clippy::cast_possible_truncation, reason = "a point of a chart")]
            let mean = (sum / f64::from(*told)) as f32;
            *value = Some(match join {
                Join::Mean => mean,
                Join::Most => *most,
            });
        }
        row
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn history() -> History<2> {
        History::new([Join::Mean, Join::Most])
    }

    fn filled(seconds: std::ops::Range<u64>) -> History<2> {
        let mut history = history();
        for at in seconds {
            #[expect(clippy::cast_precision_loss, reason = "small")]
            let value = Some((at % 10) as f32);
            history.push(at, &[value, value]);
        }
        history
    }

    #[test]
    fn the_last_minutes_are_told_by_the_second() {
        let columns = filled(1_000..1_500).columns(1_490, 1_499, 300);
        assert_eq!((columns.step, &columns.at[..3]), (1, &[1_490, 1_491, 1_492][..]));
        assert_eq!(columns.series[0].last(), Some(&Some(9.0)));
        assert_eq!(columns.at.len(), 10);
    }

    #[test]
    fn longer_times_have_no_more_points_than_asked_for_and_lose_no_peak() {
        let history = filled(0..90_000);
        for (since, points) in [(89_000, 100), (86_400, 300), (3_600, 300), (3_600, 2), (0, 1_000)]
        {
            let columns = history.columns(since, 89_999, points);
            assert!(columns.at.len() <= points, "{} of {points}", columns.at.len());
            assert!(columns.series[1].iter().all(|value| *value == Some(9.0)), "from {since}");
            assert!(columns.series[0].iter().all(|value| *value == Some(4.5)), "from {since}");
            assert!(columns.at.iter().all(|at| at % columns.step == 0));
            assert!(columns.at.windows(2).all(|pair| pair[0] < pair[1]));
        }
    }

    #[test]
    fn a_day_is_kept_and_no_more() {
        let (empty, history) = (filled(0..0), filled(0..200_000));
        let memory = |it: &History<2>| it.rings.iter().map(|it| it.over.capacity()).sum::<usize>();
        assert_eq!(memory(&history), memory(&empty), "it does not grow");
        let points: usize = history.rings.iter().map(|ring| ring.over.len() + 1).sum();
        assert!(points <= 600 + 720 + 1_440, "{points}");
        let oldest = history.columns(0, 200_000, 100_000).at[0];
        assert!((200_000 - 86_400 - 60..=200_000 - 86_400 + 120).contains(&oldest), "{oldest}");
    }

    #[test]
    fn a_hole_stays_one_and_what_cannot_be_told_is_none() {
        let mut history = history();
        history.push(10, &[Some(1.0), None]);
        history.push(10, &[Some(3.0), Some(f32::NAN)]);
        history.push(50, &[None, Some(2.0)]);
        history.push(20, &[Some(9.0), Some(9.0)]);
        let columns = history.columns(0, 100, 101);
        assert_eq!(columns.at, [10, 50]);
        assert_eq!(columns.series, [vec![Some(2.0), None], vec![None, Some(2.0)]]);
        assert_eq!(history.columns(60, 100, 10).at, [0_u64; 0]);
        assert_eq!(super::History::<2>::new([Join::Most; 2]).columns(0, 9, 10).at, [0_u64; 0]);
    }
}
