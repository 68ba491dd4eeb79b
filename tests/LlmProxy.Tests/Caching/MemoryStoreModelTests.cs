using CsCheck;
using LlmProxy.Caching;
using Xunit;

namespace LlmProxy.Tests.Caching;

/// <summary>Whatever is done to the store, beside a model of what each step may change.</summary>
public sealed class MemoryStoreModelTests
{
    private const int Projects = 3;
    private const int KeysOfProject = 8;
    private const int KeptMax = 512 * 1024;

    private enum Act
    {
        Put,
        Remove,
        Purge,
    }

    [Fact]
    public async Task No_step_changes_more_than_it_says_and_the_counts_are_exact() =>
        await Gen.Select(
                Gen.Frequency((10, Gen.Const(Act.Put)), (2, Gen.Const(Act.Remove)), (1, Gen.Const(Act.Purge))),
                Gen.Int[0, Projects - 1], Gen.Int[0, KeysOfProject - 1], Gen.Int[0, 2], Gen.Int[0, 140_000],
                static (act, project, number, variant, bytes) => new Step(act, project, number, variant, bytes))
            .Array[1, 120].SampleAsync(RunAsync, iter: 200, threads: 2);

    private static async Task RunAsync(Step[] steps)
    {
        var store = Stored.Store(2 * KeptMax);
        var before = await LookAsync(store);
        for (var i = 0; i < steps.Length; i++)
        {
            var evicted = store.Size.Evicted;
            var key = (steps[i].Project, steps[i].Number);
            var expected = await DoAsync(store, steps[i], $"/{i}", before);
            var after = await LookAsync(store);

            // A put may take whole keys from the others; of its own it may drop the oldest variants.
            var missing = 0;
            foreach (var (other, answers) in expected)
            {
                var isGone = other != key && after[other].Count == 0;
                missing += isGone ? answers.Count : 0;
                Assert.Equal(isGone ? [] : answers.Take(after[other].Count), after[other]);
                Assert.True(isGone || other == key || after[other].Count == answers.Count, "A variant was lost.");
            }

            Assert.Equal(evicted + missing, store.Size.Evicted);
            Assert.True(steps[i].Act == Act.Put || missing == 0, "Something made room for nothing.");
            AssertCounts(store.Size, after);
            before = after;
        }
    }

    /// <summary>Does the step; answers what would be there if nothing had to make room.</summary>
    private static async Task<Dictionary<(int, int), IReadOnlyList<StoredResponse>>> DoAsync(
        MemoryStore store, Step step, string endpoint, Dictionary<(int, int), IReadOnlyList<StoredResponse>> before)
    {
        var key = Stored.Key(step.Project, step.Number);
        var expected = new Dictionary<(int, int), IReadOnlyList<StoredResponse>>(before);
        var own = before[(step.Project, step.Number)];
        switch (step.Act)
        {
            case Act.Put:
                var answer = Stored.Answer(endpoint, step.Bytes, step.Variant);
                var others = own.Where(kept => kept.VaryDigest != answer.VaryDigest).ToList();
                var isKept = await store.PutAsync(key, answer);
                Assert.Equal(isKept, (await store.FindAsync(key)).Contains(answer));
                expected[(step.Project, step.Number)] = isKept ? [answer, .. others] : others;
                break;
            case Act.Remove:
                Assert.Equal(own.Count > 0, await store.RemoveAsync(key));
                expected[(step.Project, step.Number)] = [];
                break;
            default:
                var selector = new CacheSelector(key.Project, null, null, null, null);
                var count = await store.PurgeAsync(selector, CancellationToken.None);
                var chosen = before.Keys.Where(other => other.Item1 == step.Project).ToList();
                Assert.Equal(chosen.Sum(other => before[other].Count), count);
                chosen.ForEach(other => expected[other] = []);
                break;
        }

        return expected;
    }

    private static async Task<Dictionary<(int, int), IReadOnlyList<StoredResponse>>> LookAsync(MemoryStore store)
    {
        var found = new Dictionary<(int, int), IReadOnlyList<StoredResponse>>();
        for (var i = 0; i < Projects * KeysOfProject; i++)
        {
            var (project, number) = (i / KeysOfProject, i % KeysOfProject);
            found[(project, number)] = await store.FindAsync(Stored.Key(project, number));
        }

        return found;
    }

    private static void AssertCounts(CacheSize size, Dictionary<(int, int), IReadOnlyList<StoredResponse>> found)
    {
        var there = found.Where(static row => row.Value.Count > 0).ToList();
        var projects = there.DistinctBy(static row => row.Key.Item1).Count();
        Assert.Equal(there.Sum(static row => row.Value.Count), size.Entries);
        Assert.Equal(
            there.Sum(static row => KeptBytes.Of([.. row.Value])) + (projects * KeptBytes.PerProject), size.Bytes);
        Assert.True(size.Bytes <= KeptMax, $"{size.Bytes} bytes are too many.");
    }

    private sealed record Step(Act Act, int Project, int Number, int Variant, int Bytes);
}
