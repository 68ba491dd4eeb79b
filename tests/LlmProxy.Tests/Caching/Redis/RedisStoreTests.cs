using System.Security.Cryptography;
using CsCheck;
using LlmProxy.Caching;
using LlmProxy.Caching.Redis;
using LlmProxy.Secrets;
using Xunit;

namespace LlmProxy.Tests.Caching.Redis;

public sealed class RedisStoreTests(RedisServer redis) : IClassFixture<RedisServer>, IAsyncLifetime
{
    private static CancellationToken Aborted => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync() => await redis.Server.FlushAllDatabasesAsync();

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    [Fact]
    public async Task Another_instance_finds_what_was_kept()
    {
        await using var one = await CacheInstance.StartAsync(redis);
        await using var other = await CacheInstance.StartAsync(redis);
        var response = Given.Response(new string('x', 100_000));

        await one.PutAsync(Given.Key(), response);

        Given.AreEqual(response, Assert.Single(await other.Store.FindAsync(Given.Key())));
    }

    [Fact]
    public async Task Any_answer_comes_back_from_Redis_as_it_was()
    {
        await using var instance = await CacheInstance.StartAsync(redis);
        var now = TimeProvider.System.GetUtcNow().ToUnixTimeMilliseconds();

        await Given.Responses.SampleAsync(
            async any =>
            {
                var key = Given.Key($"/{Guid.CreateVersion7()}");
                var response = any.WithTimes(now, lifetime: 60_000);
                await instance.PutAsync(key, response);
                await instance.Memory.RemoveAsync(key);

                Given.AreEqual(response, Assert.Single(await instance.Store.FindAsync(key)));
            },
            iter: 100, threads: 1);
    }

    [Fact]
    public async Task The_memory_answers_what_was_found_before()
    {
        await using var one = await CacheInstance.StartAsync(redis);
        await using var other = await CacheInstance.StartAsync(redis);
        await one.PutAsync(Given.Key(), Given.Response());

        var found = await other.Store.FindAsync(Given.Key());

        Assert.Same(found[0], Assert.Single(await other.Memory.FindAsync(Given.Key())));
        Assert.Same(found[0], Assert.Single(await other.Store.FindAsync(Given.Key())));
    }

    [Fact]
    public async Task That_there_was_nothing_is_not_remembered()
    {
        await using var one = await CacheInstance.StartAsync(redis);
        await using var other = await CacheInstance.StartAsync(redis);
        Assert.False(await other.FindsAsync(Given.Key()));

        await one.PutAsync(Given.Key(), Given.Response());

        Assert.True(await other.FindsAsync(Given.Key()));
    }

    [Fact]
    public async Task Nothing_in_Redis_tells_what_was_asked_or_answered()
    {
        await using var instance = await CacheInstance.StartAsync(redis);
        var project = Guid.CreateVersion7();
        var response = Given.Response("canary-body", "/v1/canary-endpoint", "canary-model", "canary-variant");

        await instance.PutAsync(Given.Key("/v1/canary-endpoint", project, "canary-provider"), response);
        var dump = await redis.DumpAsync();

        Assert.StartsWith(CacheInstance.Prefix, dump, StringComparison.Ordinal);
        Assert.DoesNotContain("canary", dump, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain("Content-Type", dump, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain("accept-language", dump, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain($"{project}", dump, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain(Latin(project.ToByteArray()), dump, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Every_key_expires_when_the_last_of_its_variants_is_of_no_use()
    {
        await using var instance = await CacheInstance.StartAsync(redis);
        var now = TimeProvider.System.GetUtcNow().ToUnixTimeMilliseconds();
        var (french, german) = (Given.Response(variant: "fr"), Given.Response(variant: "de"));

        await instance.PutAsync(
            Given.Key(), french.WithTimes(now, 7_200_000, staleIfError: 0),
            german.WithTimes(now, 60_000, staleIfError: 0));
        await instance.PutAsync(Given.Key("/v1/long"), french.WithTimes(now, long.MaxValue));

        Assert.InRange(await ExpiryOfAsync(Given.Key()), TimeSpan.FromMinutes(110), TimeSpan.FromHours(2));
        Assert.InRange(await ExpiryOfAsync(Given.Key("/v1/long")), TimeSpan.FromDays(6), TimeSpan.FromDays(7));
    }

    [Fact]
    public async Task A_flipped_byte_is_a_miss_that_is_counted()
    {
        await using var one = await CacheInstance.StartAsync(redis);
        await using var other = await CacheInstance.StartAsync(redis);
        await one.PutAsync(Given.Key(), Given.Response());
        var name = NameOf(Given.Key());
        var entry = Assert.Single(await redis.Database.HashGetAllAsync(name));

        var value = (byte[])entry.Value!;
        value[value.Length / 2] ^= 1;
        await redis.Database.HashSetAsync(name, entry.Name, value);

        Assert.False(await other.FindsAsync(Given.Key()));
        Assert.Equal(1, other.Faults("unreadable"));
    }

    [Fact]
    public async Task Values_that_change_places_are_misses()
    {
        await using var one = await CacheInstance.StartAsync(redis);
        await using var other = await CacheInstance.StartAsync(redis);
        await one.PutAsync(Given.Key("/a"), Given.Response("a"));
        await one.PutAsync(Given.Key("/b"), Given.Response("b"));

        await redis.Database.KeyRenameAsync(NameOf(Given.Key("/a")), "elsewhere");
        await redis.Database.KeyRenameAsync(NameOf(Given.Key("/b")), NameOf(Given.Key("/a")));
        await redis.Database.KeyRenameAsync("elsewhere", NameOf(Given.Key("/b")));

        Assert.False(await other.FindsAsync(Given.Key("/a")));
        Assert.False(await other.FindsAsync(Given.Key("/b")));
    }

    [Fact]
    public async Task Something_else_under_the_name_is_a_miss()
    {
        await using var instance = await CacheInstance.StartAsync(redis);
        await redis.Database.StringSetAsync(NameOf(Given.Key()), "something else");

        Assert.False(await instance.FindsAsync(Given.Key()));
        Assert.Equal(1, instance.Faults("refused"));
        Assert.True(instance.Link.IsUp);
    }

    [Fact]
    public async Task When_Redis_was_emptied_nothing_is_found()
    {
        await using var one = await CacheInstance.StartAsync(redis);
        await using var other = await CacheInstance.StartAsync(redis);
        await one.PutAsync(Given.Key(), Given.Response());

        await redis.Server.FlushAllDatabasesAsync();

        Assert.False(await other.FindsAsync(Given.Key()));
    }

    [Fact]
    public async Task No_more_than_sixteen_variants_are_kept_and_the_last_one_is_among_them()
    {
        await using var instance = await CacheInstance.StartAsync(redis);
        for (var i = 0; i < 20; i++)
        {
            await instance.Store.PutAsync(Given.Key(), Given.Response(variant: $"{i}"));
        }

        var last = Given.Response("last", variant: "last");
        await instance.Store.PutAsync(Given.Key(), last);

        await Eventually.HoldsAsync(async () => (await FarAsync(instance)).Any(found =>
            found.VaryDigest == last.VaryDigest));
        Assert.Equal(16, (await FarAsync(instance)).Count);
    }

    [Fact]
    public async Task An_answer_takes_the_place_of_the_one_before_it_everywhere()
    {
        await using var one = await CacheInstance.StartAsync(redis);
        await using var other = await CacheInstance.StartAsync(redis);
        await one.PutAsync(Given.Key(), Given.Response("before"));
        Assert.True(await other.FindsAsync(Given.Key()));

        await one.PutAsync(Given.Key(), Given.Response("after"));

        await Eventually.HoldsAsync(async () =>
            await other.Store.FindAsync(Given.Key()) is [var only] && only.Body.Span.SequenceEqual("after"u8));
    }

    [Fact]
    public async Task What_is_removed_by_one_instance_leaves_the_memory_of_the_other()
    {
        await using var one = await CacheInstance.StartAsync(redis);
        await using var other = await CacheInstance.StartAsync(redis);
        await one.PutAsync(Given.Key(), Given.Response());
        Assert.True(await other.FindsAsync(Given.Key()));

        Assert.True(await one.Store.RemoveAsync(Given.Key()));

        await Eventually.HoldsAsync(async () => !await other.FindsAsync(Given.Key()));
        Assert.False(await one.FindsAsync(Given.Key()));
        Assert.False(await one.Store.RemoveAsync(Given.Key()));
    }

    [Fact]
    public async Task What_the_previous_master_key_sealed_is_found_and_removed_under_the_new_one()
    {
        var newKey = RandomNumberGenerator.GetBytes(SecretsOptions.KeyBytes);
        await using var old = await CacheInstance.StartAsync(redis);
        await using var rotated = await CacheInstance.StartAsync(redis, newKey, CacheInstance.MasterKey);
        await old.PutAsync(Given.Key(), Given.Response());
        Assert.True(await rotated.FindsAsync(Given.Key()));

        Assert.True(await rotated.Store.RemoveAsync(Given.Key()));

        await Eventually.HoldsAsync(async () => !await old.FindsAsync(Given.Key()));
    }

    [Fact]
    public async Task What_an_instance_with_the_old_master_key_removes_is_removed_under_the_new_one_too()
    {
        var newKey = RandomNumberGenerator.GetBytes(SecretsOptions.KeyBytes);
        await using var old = await CacheInstance.StartAsync(redis);
        await using var rotated = await CacheInstance.StartAsync(redis, newKey, CacheInstance.MasterKey);
        await rotated.PutAsync(Given.Key(), Given.Response());

        await old.Store.RemoveAsync(Given.Key());

        await Eventually.HoldsAsync(async () => !await rotated.FindsAsync(Given.Key()));
    }

    [Fact]
    public async Task Whoever_has_another_master_key_finds_nothing()
    {
        await using var one = await CacheInstance.StartAsync(redis);
        await using var stranger = await CacheInstance.StartAsync(
            redis, RandomNumberGenerator.GetBytes(SecretsOptions.KeyBytes));

        await one.PutAsync(Given.Key(), Given.Response());

        Assert.False(await stranger.FindsAsync(Given.Key()));
    }

    [Theory]
    [InlineData(true, null, null, null, 3)]
    [InlineData(null, "openai", null, null, 3)]
    [InlineData(true, "openai", null, null, 2)]
    [InlineData(null, null, "/v1/models", null, 2)]
    [InlineData(null, null, null, "gpt-x", 1)]
    [InlineData(true, null, "/v1/models", null, 1)]
    [InlineData(null, null, null, null, 4)]
    [InlineData(null, "nobody", null, null, 0)]
    public async Task A_purge_forgets_what_is_chosen_everywhere(
        bool? ofProject, string? provider, string? endpoint, string? model, int purged)
    {
        await using var one = await CacheInstance.StartAsync(redis);
        await using var other = await CacheInstance.StartAsync(redis);
        var project = Guid.CreateVersion7();
        await one.PutAsync(Given.Key("/v1/models", project), Given.Response());
        await one.PutAsync(Given.Key("/v1/chat", project), Given.Response(endpoint: "/v1/chat", model: "gpt-x"));
        await one.PutAsync(Given.Key("/v1/messages", project, "anthropic"), Given.Response(endpoint: "/v1/messages"));
        await one.PutAsync(Given.Key("/v1/models"), Given.Response());

        var selector = new CacheSelector(ofProject is null ? null : project, provider, endpoint, model, null);

        Assert.Equal(purged, await other.Store.PurgeAsync(selector, Aborted));
        await Eventually.HoldsAsync(() => one.Memory.Size.Entries <= 4 - purged);
        Assert.Equal(4 - purged, (await redis.KeysAsync()).Count);
    }

    [Fact]
    public async Task A_purge_of_one_request_forgets_all_its_variants()
    {
        await using var instance = await CacheInstance.StartAsync(redis);
        await instance.PutAsync(Given.Key("/a"), Given.Response(variant: "fr"), Given.Response(variant: "de"));
        await instance.PutAsync(Given.Key("/b"), Given.Response());

        var selector = new CacheSelector(null, null, null, null, Given.Key("/a").Digest);

        Assert.Equal(2, await instance.Store.PurgeAsync(selector, Aborted));
        Assert.False(await instance.FindsAsync(Given.Key("/a")));
        Assert.True(await instance.FindsAsync(Given.Key("/b")));
    }

    private static async Task<IReadOnlyList<StoredResponse>> FarAsync(CacheInstance instance)
    {
        await instance.Memory.RemoveAsync(Given.Key());
        return await instance.Store.FindAsync(Given.Key());
    }

    private static byte[] NameOf(CacheKey key) =>
        new EntrySeal(Given.MasterKey(CacheInstance.MasterKey), CacheInstance.Prefix).Keys[0].NameOf(key);

    private static string Latin(byte[] bytes) => System.Text.Encoding.Latin1.GetString(bytes);

    private async Task<TimeSpan> ExpiryOfAsync(CacheKey key) =>
        (await redis.Database.KeyTimeToLiveAsync(NameOf(key))) ?? TimeSpan.MaxValue;
}
