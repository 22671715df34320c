//! WHAT IS ALLOWED: pure functions, decided by their arguments alone.
