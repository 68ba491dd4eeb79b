namespace LlmProxy.Caching;

/// <summary>
/// What one project has in the memory store, and which of it is the next to go. SIEVE (Zhang et al., NSDI 2024): newest
/// first; a hand walks from the oldest to the newest, takes the first one that was not used since it last passed, and
/// stays where it is. A hit moves nothing. Guarded by the store's lock.
/// </summary>
internal sealed class ProjectQueue(Guid project)
{
    // Bounds the work of an eviction where everything is in use; then the last one that was looked at goes.
    private const int LookedAtMax = 64;

    private KeptAnswers? _newest;
    private KeptAnswers? _oldest;
    private KeptAnswers? _hand;

    public Guid Project { get; } = project;

    /// <summary>What the project holds, what is about to be put in included.</summary>
    public long Bytes { get; set; } = KeptBytes.PerProject;

    /// <summary>Where it stands in the ranking of <see cref="ProjectRanking"/>.</summary>
    public int Rank { get; set; }

    public bool IsEmpty => _newest is null;

    public void Add(KeptAnswers answers)
    {
        answers.Queue = this;
        answers.Older = _newest;
        if (_newest is null)
        {
            _oldest = answers;
        }
        else
        {
            _newest.Newer = answers;
        }

        _newest = answers;
    }

    public void Remove(KeptAnswers answers)
    {
        if (_hand == answers)
        {
            _hand = answers.Newer;
        }

        if (answers.Newer is null)
        {
            _newest = answers.Older;
        }
        else
        {
            answers.Newer.Older = answers.Older;
        }

        if (answers.Older is null)
        {
            _oldest = answers.Newer;
        }
        else
        {
            answers.Older.Newer = answers.Newer;
        }

        // Whoever still reads the answers must not keep all their neighbours alive.
        answers.Queue = null;
        answers.Newer = null;
        answers.Older = null;
    }

    /// <summary>The next one to go. There must be one.</summary>
    public KeptAnswers FindVictim()
    {
        for (var left = LookedAtMax; ; left--)
        {
            _hand ??= _oldest ?? throw new InvalidOperationException("The queue is empty.");
            if (left == 0 || !_hand.IsUsed)
            {
                return _hand;
            }

            _hand.Unmark();
            _hand = _hand.Newer;
        }
    }
}
