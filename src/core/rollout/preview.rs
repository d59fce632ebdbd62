//! Who would move, if things were otherwise.

use serde::Serialize;

use super::assign::{Assignment, Audience, Circumstances, Path, Rule, assign};

/// Who goes where: an audience, and how things are.
#[derive(Clone, Copy, Debug)]
pub struct Situation<'a> {
    /// Who goes to Realtime when all is well.
    pub audience: &'a Audience,
    /// How things are.
    pub now: Circumstances,
}

/// A client that would move.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[schema(as = RolloutMover)]
pub struct Mover {
    /// The client.
    pub client_id: String,
    /// Where it belongs now.
    pub from: Path,
    /// Where it would belong.
    pub to: Path,
    /// What would decide.
    pub rule: Rule,
    /// Its bucket, 0 to 9,999.
    pub bucket: u16,
}

/// What would happen.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[schema(as = RolloutPreview)]
pub struct Preview {
    /// Clients looked at.
    pub clients: usize,
    /// Of them would go to the realtime path.
    pub to_realtime: usize,
    /// Of them would come back to the direct path.
    pub to_direct: usize,
    /// Of them would be on the realtime path then, moved or not.
    pub on_realtime: usize,
    /// Some of those that would move, in the order given.
    pub movers: Vec<Mover>,
}

/// Who of these clients would move from where they belong now; at most `limit` are named.
pub fn preview<'a>(
    clients: impl IntoIterator<Item = &'a str>,
    now: Situation<'_>,
    then: Situation<'_>,
    limit: usize,
) -> Preview {
    let mut preview = Preview::default();
    for client in clients {
        let before = assign(client, now.audience, now.now);
        let after = assign(client, then.audience, then.now);
        preview.count(client, &before, &after, limit);
    }
    preview
}

impl Preview {
    fn count(&mut self, client: &str, before: &Assignment, after: &Assignment, limit: usize) {
        self.clients += 1;
        self.on_realtime += usize::from(after.path == Path::Realtime);
        if before.path == after.path {
            return;
        }
        match after.path {
            Path::Realtime => self.to_realtime += 1,
            Path::Direct => self.to_direct += 1,
        }
        if self.movers.len() < limit {
            self.movers.push(Mover {
                client_id: client.to_owned(),
                from: before.path,
                to: after.path,
                rule: after.rule,
                bucket: after.bucket,
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::rollout::patterns::Patterns;

    const WELL: Circumstances = Circumstances { forced: None, on: true, covered: true, up: true };

    fn audience(percent: u8) -> Audience {
        Audience { percent, deny: Patterns::try_new(["client-1"]).unwrap(), ..Audience::default() }
    }

    fn look(from: u8, to: u8, then: Circumstances, limit: usize) -> Preview {
        let clients: Vec<_> = (0..1_000).map(|number| format!("client-{number}")).collect();
        preview(
            clients.iter().map(String::as_str),
            Situation { audience: &audience(from), now: WELL },
            Situation { audience: &audience(to), now: then },
            limit,
        )
    }

    #[test]
    fn who_would_move_is_counted_and_some_are_named() {
        let up = look(25, 50, WELL, 10);
        assert_eq!((up.clients, up.to_direct, up.movers.len()), (1_000, 0, 10));
        assert!(up.movers.iter().all(|mover| (2_500..5_000).contains(&mover.bucket)));
        assert!(up.movers.iter().all(|mover| mover.to == Path::Realtime));
        let back = look(50, 25, WELL, 0);
        assert_eq!((back.to_realtime, back.to_direct), (0, up.to_realtime));
        assert_eq!(back.on_realtime + up.to_realtime, up.on_realtime);
        assert_eq!(look(0, 100, WELL, 0).to_realtime, 999, "all but the one that is denied");
    }

    #[test]
    fn nobody_moves_when_nothing_changes_and_all_come_back_when_it_is_down() {
        let same = look(50, 50, WELL, 10);
        assert_eq!((same.to_realtime, same.to_direct, same.movers), (0, 0, vec![]));
        let down = look(50, 50, Circumstances { up: false, ..WELL }, 1);
        assert_eq!((down.on_realtime, down.to_direct), (0, same.on_realtime));
        assert_eq!(down.movers[0].rule, Rule::Down);
    }
}
