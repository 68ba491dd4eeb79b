using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;

namespace LlmProxy.Caching;

/// <summary>
/// Answers in the memory of this process. A look-up takes no lock and allocates nothing. Room is made by the project
/// that holds most, so that nobody is pushed below an equal share by others; within a project by what was not used
/// (<see cref="ProjectQueue"/>). Every answer has its own array, which is never used again for another.
/// </summary>
/// <remarks>
/// Of the limit, 6 MiB (at most three eighths) are for what the collector's young generations grow by when something
/// stays; of the rest, four fifths are for what is kept, with everything that it takes to keep it
/// (<see cref="KeptBytes"/>), and one fifth is for what the collector has not taken back yet (<see cref="Garbage"/>).
/// Answers that come faster than it does are not kept. So the process grows by no more than the limit and a tenth, from
/// 16 MiB on and with answers of some KiB; the benchmark <c>cache-memory</c> measures it.
/// </remarks>
internal sealed class MemoryStore : ICacheStore
{
    /// <summary>Of one key; then the oldest goes.</summary>
    public const int VariantsMax = 16;

    private const long MiB = 1024 * 1024;

    // So that the smallest cache does not collect all the time.
    private const long GarbageMin = MiB;

    private static readonly IReadOnlyList<StoredResponse> None = [];

    private readonly ConcurrentDictionary<Digest, KeptAnswers> _table = new(new SeededComparer());
    private readonly long _keptMax;
    private readonly long _allMax;

    // Guards everything that follows, and every change of the table.
    private readonly Lock _lock = new();
    private readonly ProjectRanking _projects = new();
    private readonly Garbage _garbage;
    private long _entries;
    private long _bytes;
    private long _evicted;

    public MemoryStore(long bytesMax, TimeProvider clock)
        : this(bytesMax, Garbage.OfThisProcess(Math.Max(OfRest(bytesMax) / 10, GarbageMin), clock))
    {
    }

    public MemoryStore(long bytesMax, Garbage garbage)
    {
        var rest = OfRest(bytesMax);
        _keptMax = rest - (rest / 5);
        _allMax = Math.Max(rest, _keptMax + (2 * GarbageMin));
        _garbage = garbage;
    }

    public bool IsEmpty => Volatile.Read(ref _entries) == 0;

    public CacheSize Size
    {
        get
        {
            lock (_lock)
            {
                return new CacheSize(_entries, _bytes, _evicted);
            }
        }
    }

    public ValueTask<IReadOnlyList<StoredResponse>> FindAsync(CacheKey key)
    {
        if (!_table.TryGetValue(key.Digest, out var answers))
        {
            return new(None);
        }

        answers.MarkUsed();
        return new(answers.Variants);
    }

    /// <remarks>
    /// Not kept is what is larger than a quarter of the store, or, when room must be made, than an equal share. What an
    /// answer would have replaced is forgotten even so: it is outdated.
    /// </remarks>
    public ValueTask<bool> PutAsync(CacheKey key, StoredResponse response)
    {
        bool isKept;
        bool mustCollect;
        lock (_lock)
        {
            isKept = Put(key, response);
            mustCollect = _garbage.MustBeCollected();
        }

        if (mustCollect)
        {
            _garbage.Collect();
        }

        return new(isKept);
    }

    public ValueTask<bool> RemoveAsync(CacheKey key)
    {
        lock (_lock)
        {
            var isThere = _table.TryGetValue(key.Digest, out var answers);
            if (isThere)
            {
                Forget(answers!);
            }

            return new(isThere);
        }
    }

    public ValueTask<long> PurgeAsync(CacheSelector selector, CancellationToken aborted) =>
        selector.Key is { } digest
            ? new(_table.TryGetValue(digest, out var answers) ? Purge(answers, selector) : 0)
            : new(Task.Run(() => PurgeAll(selector, aborted), aborted));

    /// <summary>Of the limit, what is not for the young generations.</summary>
    private static long OfRest(long bytesMax) => bytesMax - Math.Min(bytesMax / 8 * 3, 6 * MiB);

    private long PurgeAll(CacheSelector selector, CancellationToken aborted)
    {
        var count = 0L;
        foreach (var (_, answers) in _table)
        {
            aborted.ThrowIfCancellationRequested();
            count += Purge(answers, selector);
        }

        return count;
    }

    private long Purge(KeptAnswers answers, CacheSelector selector)
    {
        lock (_lock)
        {
            // Others may have taken it out, or its place, since it was found.
            if (!_table.TryGetValue(answers.Key.Digest, out var current))
            {
                return 0;
            }

            StoredResponse[] rest = [.. current.Variants.Where(kept => !selector.Chooses(current.Key, kept))];
            var count = current.Variants.Count - rest.Length;
            if (count > 0)
            {
                KeepOnly(current, rest);
            }

            return count;
        }
    }

    private bool Put(in CacheKey key, StoredResponse response)
    {
        _table.TryGetValue(key.Digest, out var old);
        var answers = new KeptAnswers(key, WithFirst(response, old));
        if (!HasRoomFor(answers, old))
        {
            if (old?.IndexOf(response) is >= 0 and var replaced)
            {
                KeepOnly(old, [.. old.Variants.Where((_, index) => index != replaced)]);
            }

            return false;
        }

        var queue = _projects.FindOrAdd(key.Project);
        if (queue.IsEmpty)
        {
            _bytes += KeptBytes.PerProject;
        }

        // Counts before it is there, so that no moment has more bytes than there may be.
        _projects.Grow(queue, answers.Bytes);
        if (old is not null)
        {
            Unlink(old, answers);
        }

        while (_bytes + answers.Bytes > _keptMax)
        {
            var victim = _projects.Largest.FindVictim();
            _evicted += victim.Variants.Count;
            Forget(victim);
        }

        _bytes += answers.Bytes;
        _entries += answers.Variants.Count;
        queue.Add(answers);
        _table[key.Digest] = answers;
        return true;
    }

    private bool HasRoomFor(KeptAnswers answers, KeptAnswers? old)
    {
        if (answers.Bytes > _keptMax / 4 || !_garbage.IsBelow(_allMax - _bytes - answers.Bytes))
        {
            return false;
        }

        // Not larger than an equal share, it can never push out all else that its project has, and then not fit.
        var isNew = !_projects.Contains(answers.Key.Project);
        var project = KeptBytes.PerProject;
        return _bytes - (old?.Bytes ?? 0) + answers.Bytes + (isNew ? project : 0) <= _keptMax
            || answers.Bytes + project <= _keptMax / (_projects.Count + (isNew ? 1 : 0));
    }

    /// <summary>The variants of a key with one more, as many as may be.</summary>
    private StoredResponse[] WithFirst(StoredResponse response, KeptAnswers? old)
    {
        if (old is null)
        {
            return [response];
        }

        var replaced = old.IndexOf(response);
        var variants = new List<StoredResponse>(VariantsMax) { response };
        var bytes = KeptBytes.Of([response]);
        for (var i = 0; i < old.Variants.Count && variants.Count < VariantsMax; i++)
        {
            bytes += i == replaced ? 0 : KeptBytes.OfOneMore(old.Variants[i]);
            if (bytes > _keptMax / 4)
            {
                break;
            }

            if (i != replaced)
            {
                variants.Add(old.Variants[i]);
            }
        }

        return [.. variants];
    }

    /// <summary>Fewer of what is there; needs no room, and keeps its mark.</summary>
    private void KeepOnly(KeptAnswers answers, StoredResponse[] rest)
    {
        var queue = answers.Queue!;
        if (rest.Length > 0)
        {
            var less = new KeptAnswers(answers.Key, rest);
            queue.Add(less);
            _projects.Grow(queue, less.Bytes);
            _bytes += less.Bytes;
            _entries += rest.Length;
            _table[answers.Key.Digest] = less;
            Unlink(answers, less);
        }
        else
        {
            Forget(answers);
        }
    }

    private void Forget(KeptAnswers answers)
    {
        _table.TryRemove(answers.Key.Digest, out _);
        Unlink(answers, null);
    }

    /// <summary>Out of the queue and the counts; the queue too, when nothing is left in it.</summary>
    /// <param name="answers">What to take out.</param>
    /// <param name="successor">What is in its place, and is as much in use; null for nothing.</param>
    private void Unlink(KeptAnswers answers, KeptAnswers? successor)
    {
        if (answers.IsUsed)
        {
            successor?.MarkUsed();
        }

        var queue = answers.Queue!;
        queue.Remove(answers);
        _projects.Shrink(queue, answers.Bytes);
        _bytes -= answers.Bytes;
        _entries -= answers.Variants.Count;
        _garbage.Add(KeptBytes.OfLeftBehind(answers.Span, successor is null ? [] : successor.Span));
        if (queue.Bytes == KeptBytes.PerProject)
        {
            _projects.Remove(queue);
            _bytes -= KeptBytes.PerProject;
        }
    }

    /// <summary>
    /// Whoever chooses requests could search for keys that share a place in the table; not without knowing its secret.
    /// </summary>
    private sealed class SeededComparer : IEqualityComparer<Digest>
    {
        private readonly ulong _seed = BitConverter.ToUInt64(RandomNumberGenerator.GetBytes(sizeof(ulong)));
        private readonly ulong _factor = BitConverter.ToUInt64(RandomNumberGenerator.GetBytes(sizeof(ulong))) | 1;

        public bool Equals(Digest x, Digest y) => x == y;

        public int GetHashCode([DisallowNull] Digest obj) => (int)(((obj.A ^ _seed) * _factor) >> 32);
    }
}
