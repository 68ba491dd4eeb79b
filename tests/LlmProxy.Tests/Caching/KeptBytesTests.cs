using CsCheck;
using LlmProxy.Caching;
using Microsoft.Extensions.Primitives;
using Xunit;

namespace LlmProxy.Tests.Caching;

/// <summary>What is counted is what is taken.</summary>
public sealed class KeptBytesTests
{
    private static readonly Gen<Shape> Shapes = Gen.Select(
        Gen.Int[0, 5_000], Gen.Int[1, 40], Gen.Int[0, 60], Gen.Int[1, 3], Gen.Int[0, 3], Gen.Bool,
        static (body, fields, text, lines, names, isTagged) => new Shape(body, fields, text, lines, names, isTagged));

    private static readonly CacheKey[] Keys =
        [.. Enumerable.Range(0, 20).Select(static number => Stored.Key(1, number))];

    // Everything that an answer is made of is made here, so that what is allocated is what is kept.
    [Fact]
    public async Task Every_answer_counts_for_as_much_as_is_allocated_for_it_and_hardly_more()
    {
        var store = Stored.Store(1L << 30);
        await Shapes.Array[20].SampleAsync(async shapes =>
        {
            await FillAsync(store, shapes);
            await ClearAsync(store);
            var before = GC.GetAllocatedBytesForCurrentThread();
            await FillAsync(store, shapes);
            var allocated = GC.GetAllocatedBytesForCurrentThread() - before;
            var counted = store.Size.Bytes;
            await ClearAsync(store);
            Assert.InRange(counted, allocated, (allocated * 105 / 100) + (24 * shapes.Length) + 128);
        }, iter: 300, threads: 1);
    }

    [Fact]
    public void Of_an_array_that_is_larger_than_the_body_all_counts()
    {
        var whole = Stored.Answer("/a", 10_000);
        var part = whole.WithBody(whole.Body[..10]);

        Assert.Equal(KeptBytes.Of([whole]), KeptBytes.Of([part]));
    }

    [Fact]
    public void A_body_that_a_validation_kept_is_not_left_behind()
    {
        var old = Stored.Answer("/a", 10_000);
        var validated = old with { ReceivedAt = 1 };

        Assert.InRange(KeptBytes.OfLeftBehind([old], [validated]), 1, 1_000);
        Assert.Equal(KeptBytes.Of([old]), KeptBytes.OfLeftBehind([old], []));
    }

    private static async Task FillAsync(MemoryStore store, Shape[] shapes)
    {
        for (var i = 0; i < shapes.Length; i++)
        {
            await store.PutAsync(Keys[i], Make(shapes[i]));
        }
    }

    private static async Task ClearAsync(MemoryStore store)
    {
        foreach (var key in Keys)
        {
            await store.RemoveAsync(key);
        }
    }

    private static StoredResponse Make(Shape shape)
    {
        var fields = new HeaderField[shape.Fields];
        for (var i = 0; i < fields.Length; i++)
        {
            fields[i] = new HeaderField(new string('n', 12), ValuesOf(shape));
        }

        var names = shape.Names == 0 ? [] : new string[shape.Names];
        for (var i = 0; i < names.Length; i++)
        {
            names[i] = new string('v', 10);
        }

        return new StoredResponse
        {
            Status = 200,
            Fields = fields,
            Body = shape.Body == 0 ? default : new byte[shape.Body],
            ReceivedAt = 0,
            InitialAge = 0,
            Lifetime = 0,
            VaryNames = names,
            VaryDigest = default,
            Endpoint = new string('e', 14),
            Model = new string('m', 11),
            ETag = shape.IsTagged ? new string('t', 34) : null,
        };
    }

    private static StringValues ValuesOf(Shape shape)
    {
        if (shape.Lines == 1)
        {
            return new StringValues(new string('x', shape.Text));
        }

        var lines = new string[shape.Lines];
        for (var i = 0; i < lines.Length; i++)
        {
            lines[i] = new string('x', shape.Text);
        }

        return new StringValues(lines);
    }

    private sealed record Shape(int Body, int Fields, int Text, int Lines, int Names, bool IsTagged);
}
