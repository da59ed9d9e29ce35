//! Who asks: the people of the operator's file, by their tokens or by a session that one of them
//! began.
//!
//! Answers for secrets being compared in constant time, for sessions ending by themselves and with
//! the token they began with, and for nobody trying tokens for long while whoever has one always gets in. Nothing of it is kept anywhere.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use blake3::Hash;

use crate::config::http::{Http, May};

/// A session ends so long after it began.
pub const SESSION: Duration = Duration::from_hours(12);
/// Sessions at once; the oldest make room.
const MOST_SESSIONS: usize = 1_000;
/// Wrong tokens are counted for so long,
const WINDOW: Duration = Duration::from_mins(1);
/// and answered as such so often to one place.
const MOST_FROM_ONE: u32 = 10;
/// So many places are remembered at most; nobody guesses 16 bytes, from however many.
const MOST_PLACES: usize = 1_000;

/// Somebody the operator's file names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    pub name: String,
    pub may: May,
}

/// The people and their tokens, as hashes, which are compared in constant time.
#[derive(Clone)]
pub struct People(Vec<(Person, Hash)>);

impl People {
    /// Those of the operator's file; where there are none, whoever has the token of this start.
    pub fn new(http: &Http, of_this_start: &str) -> Self {
        if http.tokens.is_empty() {
            let name = "somebody with the token of this start".to_owned();
            return Self(vec![(Person { name, may: May::Schedule }, hash(of_this_start))]);
        }
        let people = http.tokens.iter().map(|(name, token)| {
            let person = Person { name: name.clone(), may: token.may };
            (person, hash(token.secret.expose()))
        });
        Self(people.collect())
    }

    /// Whose token it is.
    fn whose(&self, token: &str) -> Option<&(Person, Hash)> {
        let wanted = hash(token);
        self.0.iter().find(|(_, known)| *known == wanted)
    }

    fn by_hash(&self, token: &Hash) -> Option<&Person> {
        self.0.iter().find(|(_, known)| known == token).map(|(person, _)| person)
    }
}

fn hash(secret: &str) -> Hash {
    blake3::hash(secret.as_bytes())
}

/// What became of a token that somebody sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tried {
    Fits(Person),
    Wrong,
    /// Wrong, like too many before it.
    TooMany,
}

/// Sessions and wrong tokens, for as long as the daemon runs.
#[derive(Default)]
pub struct Access {
    sessions: Mutex<HashMap<Hash, Session>>,
    wrong: Mutex<Wrong>,
}

struct Session {
    /// Of the person who began it.
    token: Hash,
    until: Instant,
}

#[derive(Default)]
struct Wrong {
    since: Option<Instant>,
    from: HashMap<IpAddr, u32>,
}

impl Access {
    /// Holds a token against the people's. A right one fits whatever came before it from that place:
    /// behind a proxy all may come from one, and nobody should be able to lock the others out.
    pub fn try_token(&self, people: &People, token: &str, from: IpAddr, now: Instant) -> Tried {
        match people.whose(token) {
            Some((person, _)) => Tried::Fits(person.clone()),
            None if lock(&self.wrong).is_one_more(from, now) => Tried::Wrong,
            None => Tried::TooMany,
        }
    }

    /// Begins a session named by `secret` for whom the token is.
    pub fn begin(&self, people: &People, token: &str, secret: &str, now: Instant) {
        let Some((_, token)) = people.whose(token) else { return };
        let mut sessions = lock(&self.sessions);
        sessions.retain(|_, session| session.until > now);
        if sessions.len() >= MOST_SESSIONS {
            let oldest = sessions.iter().min_by_key(|(_, session)| session.until);
            if let Some(oldest) = oldest.map(|(name, _)| *name) {
                sessions.remove(&oldest);
            }
        }
        sessions.insert(hash(secret), Session { token: *token, until: now + SESSION });
    }

    /// Who began the session of this name, if it goes on and their token still is one.
    pub fn who(&self, people: &People, secret: &str, now: Instant) -> Option<Person> {
        let sessions = lock(&self.sessions);
        let session = sessions.get(&hash(secret)).filter(|session| session.until > now)?;
        people.by_hash(&session.token).cloned()
    }

    pub fn end(&self, secret: &str) {
        lock(&self.sessions).remove(&hash(secret));
    }
}

impl Wrong {
    /// Counts a wrong one; false where that was one too many.
    fn is_one_more(&mut self, from: IpAddr, now: Instant) -> bool {
        if self.since.is_none_or(|since| now.duration_since(since) >= WINDOW) {
            *self = Self { since: Some(now), ..Self::default() };
        }
        let (from, is_full) = (network(from), self.from.len() >= MOST_PLACES);
        if is_full && !self.from.contains_key(&from) {
            return false;
        }
        let count = self.from.entry(from).or_default();
        *count = count.saturating_add(1);
        *count <= MOST_FROM_ONE
    }
}

/// One household has many addresses of the sixth version.
fn network(from: IpAddr) -> IpAddr {
    match from.to_canonical() {
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
        address @ IpAddr::V4(_) => address,
    }
}

/// Whoever panicked while holding it had written whole values.
fn lock<T>(place: &Mutex<T>) -> MutexGuard<'_, T> {
    place.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Secret;
    use crate::config::http::Token;

    fn people(tokens: &[(&str, &str, May)]) -> People {
        let token = |(name, secret, may): &(&str, &str, May)| {
            ((*name).to_owned(), Token { secret: Secret::new(*secret), may: *may })
        };
        let http = Http {
            listen: "127.0.0.1:8080".parse().unwrap(),
            public_url: None,
            tokens: tokens.iter().map(token).collect(),
            hook: None,
        };
        People::new(&http, "drawn")
    }

    fn from(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn jo(may: May) -> Tried {
        Tried::Fits(Person { name: "jo".into(), may })
    }

    #[test]
    fn each_token_is_one_persons() {
        let people =
            people(&[("jo", "jo-secret", May::View), ("kim", "kim-secret", May::Schedule)]);
        let (access, now, here) = (Access::default(), Instant::now(), from("127.0.0.1"));
        assert_eq!(access.try_token(&people, "jo-secret", here, now), jo(May::View));
        for wrong in ["", "jo", "jo-secret ", "drawn"] {
            assert_eq!(access.try_token(&people, wrong, here, now), Tried::Wrong, "{wrong}");
        }
        let nobody = self::people(&[]);
        assert!(matches!(access.try_token(&nobody, "drawn", here, now), Tried::Fits(_)));
        assert_eq!(access.try_token(&nobody, "", here, now), Tried::Wrong);
    }

    #[test]
    fn wrong_tokens_are_let_pass_a_few_times_a_minute() {
        let people = people(&[("jo", "jo-secret", May::View)]);
        let (access, now) = (Access::default(), Instant::now());
        let one = from("2001:db8::1");
        for _ in 0..MOST_FROM_ONE {
            assert_eq!(access.try_token(&people, "x", one, now), Tried::Wrong);
        }
        let neighbour = from("2001:db8::2");
        assert_eq!(access.try_token(&people, "x", neighbour, now), Tried::TooMany);
        assert_eq!(access.try_token(&people, "jo-secret", neighbour, now), jo(May::View));
        assert_eq!(access.try_token(&people, "x", from("10.0.0.1"), now), Tried::Wrong);
        let later = now + WINDOW;
        assert_eq!(access.try_token(&people, "x", one, later), Tried::Wrong);
    }

    #[test]
    fn nobody_can_lock_others_out() {
        let people = people(&[("jo", "jo-secret", May::View)]);
        let (access, now) = (Access::default(), Instant::now());
        for other in 0..5_000 {
            access.try_token(&people, "x", IpAddr::V4(other.into()), now);
        }
        assert_eq!(access.try_token(&people, "jo-secret", from("10.0.0.1"), now), jo(May::View));
        assert!(lock(&access.wrong).from.len() <= MOST_PLACES);
    }

    #[test]
    fn a_session_ends_with_its_time_with_its_token_or_when_told() {
        let before = people(&[("jo", "jo-secret", May::Schedule)]);
        let (access, now) = (Access::default(), Instant::now());
        access.begin(&before, "jo-secret", "s1", now);
        access.begin(&before, "wrong", "s2", now);
        let who = |people: &People, secret: &str, now| access.who(people, secret, now);
        let may = |found: Option<Person>| found.map(|person| person.may);
        assert_eq!(may(who(&before, "s1", now)), Some(May::Schedule));
        assert_eq!(may(who(&before, "s2", now)), None);
        assert_eq!(may(who(&before, "s1", now + SESSION)), None);
        // What somebody may is asked of the file as it is now.
        let less = people(&[("jo", "jo-secret", May::View)]);
        assert_eq!(may(who(&less, "s1", now)), Some(May::View));
        let another = people(&[("jo", "jo-other-secret", May::Schedule)]);
        assert_eq!(may(who(&another, "s1", now)), None);
        access.end("s1");
        assert_eq!(may(who(&before, "s1", now)), None);
    }

    #[test]
    fn sessions_are_bounded() {
        let people = people(&[("jo", "jo-secret", May::View)]);
        let (access, now) = (Access::default(), Instant::now());
        for number in 0..MOST_SESSIONS + 10 {
            let later = now + Duration::from_millis(number as u64);
            access.begin(&people, "jo-secret", &format!("s{number}"), later);
        }
        assert_eq!(lock(&access.sessions).len(), MOST_SESSIONS);
        assert!(access.who(&people, "s0", now).is_none());
        assert!(access.who(&people, &format!("s{}", MOST_SESSIONS + 9), now).is_some());
    }
}
