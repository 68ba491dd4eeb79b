using CsCheck;
using LlmProxy.Caching;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace LlmProxy.Tests.Caching;

/// <summary>What the memory store keeps, what it lets go of, and whose.</summary>
public sealed class MemoryStoreTests
{
    private const int MiB = 1024 * 1024;

    /// <summary>What a store of 1 MiB keeps.</summary>
    private const int KeptMax = MiB / 2;

    private static CancellationToken Aborted => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Keeps_the_last_sixteen_variants_of_a_key_the_newest_first()
    {
        var store = Stored.Store(MiB);
        var key = Stored.Key(1, 1);
        for (var variant = 0; variant < 20; variant++)
        {
            Assert.True(await store.PutAsync(key, Stored.Answer($"/{variant}", 100, variant)));
        }

        var found = await store.FindAsync(key);

        Assert.Equal(
            Enumerable.Range(4, MemoryStore.VariantsMax).Reverse().Select(static variant => $"/{variant}"),
            EndpointsOf(found), StringComparer.Ordinal);
        Assert.Equal(MemoryStore.VariantsMax, store.Size.Entries);
    }

    [Fact]
    public async Task An_answer_takes_the_place_of_the_variant_with_the_same_names_and_digest()
    {
        var store = Stored.Store(MiB);
        var key = Stored.Key(1, 1);
        await store.PutAsync(key, Stored.Answer("/a", 100, 1));
        await store.PutAsync(key, Stored.Answer("/b", 100, 2));
        await store.PutAsync(key, Stored.Answer("/c", 100));
        await store.PutAsync(key, Stored.Answer("/d", 100, 1));

        var found = await store.FindAsync(key);

        Assert.Equal(["/d", "/c", "/b"], EndpointsOf(found), StringComparer.Ordinal);
    }

    [Fact]
    public async Task An_answer_beyond_a_quarter_of_the_store_is_not_kept_and_what_it_outdates_is_forgotten()
    {
        var store = Stored.Store(4 * MiB);
        var key = Stored.Key(1, 1);
        await store.PutAsync(key, Stored.Answer("/other", 100, 2));
        await store.PutAsync(key, Stored.Answer("/old", 100, 1));

        var isKept = await store.PutAsync(key, Stored.Answer("/new", MiB, 1));

        Assert.False(isKept);
        Assert.Equal("/other", Assert.Single(await store.FindAsync(key)).Endpoint);
        Assert.Equal(1, store.Size.Entries);
    }

    [Fact]
    public async Task Variants_of_one_key_take_no_more_than_a_quarter_together()
    {
        var store = Stored.Store(4 * MiB);
        var key = Stored.Key(1, 1);
        for (var variant = 0; variant < 10; variant++)
        {
            Assert.True(await store.PutAsync(key, Stored.Answer($"/{variant}", 200_000, variant)));
        }

        var found = await store.FindAsync(key);

        Assert.Equal(["/9", "/8"], EndpointsOf(found), StringComparer.Ordinal);
        Assert.InRange(store.Size.Bytes, 400_000, 4 * KeptMax / 4);
    }

    [Fact]
    public async Task A_project_that_floods_the_store_makes_room_with_its_own_answers()
    {
        var store = Stored.Store(MiB);
        for (var number = 0; number < 50; number++)
        {
            await store.PutAsync(Stored.Key(2, number), Stored.Answer("/b", 1_000));
        }

        for (var number = 0; number < 100_000; number++)
        {
            Assert.True(await store.PutAsync(Stored.Key(1, number), Stored.Answer("/a", 1_000)));
        }

        for (var number = 0; number < 50; number++)
        {
            Assert.Single(await store.FindAsync(Stored.Key(2, number)));
        }
    }

    [Fact]
    public async Task Nobody_is_pushed_below_an_equal_share_by_others() =>
        await Gen.Select(Gen.Int[1, 900].Array[2, 6], Gen.Int[1, 1_000_000]).SampleAsync(
            static async (counts, seed) =>
            {
                var store = Stored.Store(MiB);
                var random = new PCG((uint)seed);
                var order = counts.SelectMany(static (count, project) =>
                    Enumerable.Range(0, count).Select(number => (Project: project, Number: number)))
                    .OrderBy(_ => random.Next()).ToList();
                foreach (var (project, number) in order)
                {
                    Assert.True(await store.PutAsync(Stored.Key(project, number), Stored.Answer("/a", 1_000)));
                }

                // All answers are of one size: so many fit, less one for what the queues take.
                var fit = (KeptMax / KeptBytes.Of([Stored.Answer("/a", 1_000)])) - 1;
                for (var project = 0; project < counts.Length; project++)
                {
                    var kept = 0;
                    for (var number = 0; number < counts[project]; number++)
                    {
                        kept += (await store.FindAsync(Stored.Key(project, number))).Count;
                    }

                    Assert.True(
                        kept >= Math.Min(counts[project], (fit / counts.Length) - 1),
                        $"{kept} of {counts[project]} are left.");
                }
            },
            iter: 100, threads: 2);

    [Fact]
    public async Task When_there_is_no_room_an_answer_beyond_an_equal_share_is_not_kept()
    {
        var store = Stored.Store(MiB);
        for (var number = 0; number < 2_000; number++)
        {
            await store.PutAsync(Stored.Key(number % 10, number), Stored.Answer("/a", 1_000));
        }

        var before = store.Size;

        Assert.False(await store.PutAsync(Stored.Key(1, -1), Stored.Answer("/large", 100_000)));
        Assert.Equal(before, store.Size);
    }

    [Fact]
    public async Task What_is_in_use_outlives_any_number_of_answers_that_nobody_asks_for_again()
    {
        var store = Stored.Store(MiB);
        for (var number = 0; number < 20_000; number++)
        {
            await store.PutAsync(Stored.Key(1, number), Stored.Answer("/a", 1_000));
            Assert.Single(await store.FindAsync(Stored.Key(1, number % 50)));
        }

        Assert.True(store.Size.Evicted > 19_000, $"Only {store.Size.Evicted} made room.");
    }

    [Fact]
    public async Task A_store_in_which_everything_is_in_use_still_makes_room()
    {
        var store = Stored.Store(MiB);
        for (var number = 0; number < 2_000; number++)
        {
            Assert.True(await store.PutAsync(Stored.Key(1, number), Stored.Answer("/a", 1_000)));
            await store.FindAsync(Stored.Key(1, number));
        }

        Assert.InRange(store.Size.Bytes, KeptMax * 9 / 10, KeptMax);
    }

    [Fact]
    public async Task A_removed_answer_is_gone_and_leaves_nothing_behind()
    {
        var store = Stored.Store(MiB);
        await store.PutAsync(Stored.Key(1, 1), Stored.Answer("/a", 100));

        Assert.True(await store.RemoveAsync(Stored.Key(1, 1)));
        Assert.False(await store.RemoveAsync(Stored.Key(1, 1)));
        Assert.Empty(await store.FindAsync(Stored.Key(1, 1)));
        Assert.Equal(default, store.Size);
        Assert.True(store.IsEmpty);
    }

    public static TheoryData<string, int> Selectors => new()
    {
        { "all", 6 }, { "project", 4 }, { "another provider", 0 }, { "endpoint", 3 }, { "model", 2 }, { "key", 2 },
        { "key of another project", 0 }, { "endpoint of a project", 2 },
    };

    [Theory]
    [MemberData(nameof(Selectors))]
    public async Task A_purge_forgets_what_is_chosen_and_counts_it(string selected, int count)
    {
        var store = Stored.Store(MiB);
        await store.PutAsync(Stored.Key(1, 1), Stored.Answer("/a", 100, 1, "small"));
        await store.PutAsync(Stored.Key(1, 1), Stored.Answer("/b", 100, 2, "large"));
        await store.PutAsync(Stored.Key(1, 2), Stored.Answer("/a", 100));
        await store.PutAsync(Stored.Key(1, 3), Stored.Answer("/c", 100));
        await store.PutAsync(Stored.Key(2, 1), Stored.Answer("/a", 100, 1, "small"));
        await store.PutAsync(Stored.Key(2, 2), Stored.Answer("/d", 100));
        var selector = selected switch
        {
            "project" => new CacheSelector(Stored.Project(1), null, null, null, null),
            "another provider" => new CacheSelector(null, "other", null, null, null),
            "endpoint" => new CacheSelector(null, null, "/a", null, null),
            "model" => new CacheSelector(null, "openai", null, "small", null),
            "key" => new CacheSelector(null, null, null, null, Stored.Key(1, 1).Digest),
            "key of another project" => new CacheSelector(Stored.Project(2), null, null, null, Stored.Key(1, 1).Digest),
            "endpoint of a project" => new CacheSelector(Stored.Project(1), null, "/a", null, null),
            _ => new CacheSelector(null, null, null, null, null),
        };

        var purged = await store.PurgeAsync(selector, Aborted);

        Assert.Equal(count, purged);
        Assert.Equal(6 - count, store.Size.Entries);
        Assert.Equal(0, await store.PurgeAsync(selector, Aborted));
    }

    [Fact]
    public async Task A_look_up_allocates_nothing()
    {
        var store = Stored.Store(MiB);
        await store.PutAsync(Stored.Key(1, 1), Stored.Answer("/a", 100));
        var (known, unknown) = (Stored.Key(1, 1), Stored.Key(1, 2));
        var found = (await store.FindAsync(known)).Count + (await store.FindAsync(unknown)).Count;

        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 10_000; i++)
        {
            found += (await store.FindAsync(known)).Count + (await store.FindAsync(unknown)).Count;
        }

        var allocated = GC.GetAllocatedBytesForCurrentThread() - before;

        // The runtime may allocate once, when it compiles this method anew; the smallest object has 24 bytes.
        Assert.InRange(allocated, 0, 1_000);
        Assert.Equal(10_001, found);
    }

    [Fact]
    public async Task Parallel_use_serves_nobody_anothers_answer_and_leaves_exact_counts()
    {
        var store = Stored.Store(MiB);
        var selector = new CacheSelector(Stored.Project(0), null, null, null, null);
        await Parallel.ForAsync(0, 8, Aborted, async (worker, cancelled) =>
        {
            var random = new PCG((uint)worker + 1);
            for (var i = 0; i < 20_000; i++)
            {
                var (project, number) = ((int)random.Next(3), (int)random.Next(400));
                var key = Stored.Key(project, number);
                var mine = $"/{project}/{number}";
                switch (random.Next(8))
                {
                    case 0:
                        await store.RemoveAsync(key);
                        break;
                    case 1 when i % 200 == 0:
                        await store.PurgeAsync(selector, cancelled);
                        break;
                    case < 5:
                        var variant = (int)random.Next(3);
                        await store.PutAsync(key, Stored.Answer(mine, (int)random.Next(4_000), variant));
                        break;
                    default:
                        Assert.All(await store.FindAsync(key), answer => Assert.Equal(mine, answer.Endpoint));
                        break;
                }
            }
        });

        var (entries, bytes, projects) = (0L, 0L, new HashSet<Guid>());
        for (var i = 0; i < 1_200; i++)
        {
            var key = Stored.Key(i / 400, i % 400);
            var found = await store.FindAsync(key);
            entries += found.Count;
            bytes += found.Count == 0 ? 0 : KeptBytes.Of([.. found]);
            _ = found.Count > 0 && projects.Add(key.Project);
        }

        Assert.Equal(entries, store.Size.Entries);
        Assert.Equal(bytes + (projects.Count * KeptBytes.PerProject), store.Size.Bytes);
        Assert.Equal(
            store.Size.Entries, await store.PurgeAsync(new CacheSelector(null, null, null, null, null), Aborted));
        Assert.Equal((0, 0), (store.Size.Entries, store.Size.Bytes));
    }

    [Fact]
    public async Task Answers_that_come_faster_than_the_collector_are_not_kept()
    {
        var (collections, asked) = (new FullCollections(7, 7), 0);
        var clock = new FakeTimeProvider();
        var store = new MemoryStore(
            16 * MiB, new Garbage(MiB, () => collections, () => Interlocked.Increment(ref asked), clock));
        var number = 0;
        while (await store.PutAsync(Stored.Key(1, number), Stored.Answer("/a", 10_000)))
        {
            number++;
        }

        // 10 MiB are for what is kept and what is not collected yet.
        Assert.InRange(number * KeptBytes.Of([Stored.Answer("/a", 10_000)]), 9 * MiB, 10 * MiB);
        Assert.False(await store.PutAsync(Stored.Key(1, number), Stored.Answer("/a", 10_000)));

        collections = new FullCollections(9, 8);
        clock.Advance(TimeSpan.FromSeconds(1));
        Assert.True(await store.PutAsync(Stored.Key(1, number), Stored.Answer("/a", 10_000)));
    }

    private static IEnumerable<string> EndpointsOf(IEnumerable<StoredResponse> answers) =>
        answers.Select(static answer => answer.Endpoint);
}
