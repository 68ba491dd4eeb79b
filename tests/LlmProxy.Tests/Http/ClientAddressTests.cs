using System.Net;
using CsCheck;
using LlmProxy.Http;
using LlmProxy.Settings;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Primitives;
using Xunit;

namespace LlmProxy.Tests.Http;

public sealed class ClientAddressTests
{
    private const string Proxies = "10.0.0.0/8, 192.0.2.1, 2001:db8:ffff::/48";

    [Theory]
    [InlineData("203.0.113.9", "198.51.100.1", "203.0.113.9")]
    [InlineData("10.0.0.1", "198.51.100.1", "198.51.100.1")]
    [InlineData("::ffff:10.0.0.1", "198.51.100.1", "198.51.100.1")]
    [InlineData("2001:db8:ffff::7", "2001:db8::1", "2001:db8::1")]
    [InlineData("10.0.0.1", "6.6.6.6, 198.51.100.1", "198.51.100.1")]
    [InlineData("10.0.0.1", "6.6.6.6,198.51.100.1 ,\t192.0.2.1, 10.9.9.9", "198.51.100.1")]
    [InlineData("10.0.0.1", "10.0.0.3, 10.0.0.2", "10.0.0.3")]
    [InlineData("10.0.0.1", "", "10.0.0.1")]
    [InlineData("10.0.0.1", ", ,198.51.100.1,,", "198.51.100.1")]
    [InlineData("10.0.0.1", "198.51.100.1:4711", "198.51.100.1")]
    [InlineData("10.0.0.1", "[2001:db8::1]:4711", "2001:db8::1")]
    [InlineData("10.0.0.1", "[2001:db8::1]", "2001:db8::1")]
    [InlineData("10.0.0.1", "::ffff:198.51.100.1", "198.51.100.1")]
    [InlineData("10.0.0.1", "6.6.6.6, ::ffff:10.0.0.2", "6.6.6.6")]
    [InlineData("10.0.0.1", "6.6.6.6, unknown, 10.0.0.2", "10.0.0.2")]
    [InlineData("10.0.0.1", "6.6.6.6, unknown", "10.0.0.1")]
    [InlineData("10.0.0.1", "6.6.6.6, 1, 10.0.0.2", "10.0.0.2")]
    [InlineData("10.0.0.1", "012.0.0.1", "10.0.0.1")]
    [InlineData("10.0.0.1", "0x0a.0.0.1", "10.0.0.1")]
    [InlineData("10.0.0.1", "198.51.100.1:", "10.0.0.1")]
    [InlineData("10.0.0.1", "198.51.100.1:80x", "10.0.0.1")]
    [InlineData("10.0.0.1", "[198.51.100.1]", "10.0.0.1")]
    [InlineData("10.0.0.1", "[2001:db8::1", "10.0.0.1")]
    [InlineData("10.0.0.1", "fe80::1%eth0", "10.0.0.1")]
    [InlineData("10.0.0.1", "2001:db8::1/64", "10.0.0.1")]
    [InlineData("10.0.0.1", "\"198.51.100.1\"", "10.0.0.1")]
    [InlineData("10.0.0.1", "198.51.100.1;q=1", "10.0.0.1")]
    public void Believes_what_trusted_proxies_wrote_and_nothing_else(string peer, string forwarded, string client) =>
        Assert.Equal(IPAddress.Parse(client), Of(peer, forwarded));

    [Fact]
    public void Reads_several_lines_as_one_list_in_their_order()
    {
        Assert.Equal(
            IPAddress.Parse("198.51.100.1"), Of("10.0.0.1", "6.6.6.6", "7.7.7.7, 198.51.100.1", "10.0.0.3,10.0.0.2"));
        Assert.Equal(IPAddress.Parse("6.6.6.6"), Of("10.0.0.1", "6.6.6.6", "", "10.0.0.2"));
    }

    [Fact]
    public void Looks_at_sixty_four_entries_and_no_further()
    {
        var sixtyThree = string.Concat(Enumerable.Repeat(",10.0.0.2", 63));

        Assert.Equal(IPAddress.Parse("6.6.6.6"), Of("10.0.0.1", "6.6.6.6" + sixtyThree));
        Assert.Equal(IPAddress.Parse("10.0.0.2"), Of("10.0.0.1", "6.6.6.6,10.0.0.2" + sixtyThree));
        Assert.Equal(IPAddress.Parse("10.0.0.1"), Of("10.0.0.1", "6.6.6.6" + new string(',', 64)));
        Assert.Equal(IPAddress.Parse("10.0.0.1"), Of("10.0.0.1", [.. Enumerable.Repeat("", 100_000)]));
    }

    [Fact]
    public void A_connection_without_an_address_has_no_client() =>
        Assert.Null(ClientAddress.Of(null, "198.51.100.1", TrustedProxies.Parse(Proxies)!));

    [Fact]
    public void Never_throws_and_never_believes_what_stands_before_an_untrusted_address()
    {
        var text = Gen.OneOf(
            Gen.Char.Array[0, 12].Select(static letters => new string(letters)),
            Gen.Char["0123456789abcdef:.[],% /"].Array[0, 30].Select(static letters => new string(letters)),
            Gen.OneOf(
                Gen.Const("10.0.0.2"), Gen.Const("198.51.100.1"), Gen.Const("[::1]:1"), Gen.Const("unknown"),
                Gen.Const("::ffff:10.0.0.1")));

        Gen.Select(text.Array[0, 6], text.Array[0, 6]).Sample(static (before, after) =>
        {
            var alone = Of("10.0.0.1", "203.0.113.9," + string.Join(',', after));

            Assert.Equal(alone, Of("10.0.0.1", string.Join(',', before) + ",203.0.113.9," + string.Join(',', after)));
        }, iter: 20_000, threads: 1);
    }

    [Theory]
    [InlineData("10.0.0.0/8", "10.255.255.255", "11.0.0.0")]
    [InlineData("10.1.2.3", "10.1.2.3", "10.1.2.4")]
    [InlineData("::ffff:10.0.0.0/104", "10.255.255.255", "11.0.0.0")]
    [InlineData("::ffff:10.1.2.3", "10.1.2.3", "10.1.2.4")]
    [InlineData("0.0.0.0/0", "8.8.8.8", "2001:db8::1")]
    [InlineData("::/0", "2001:db8::1", "8.8.8.8")]
    [InlineData("2001:db8::/33", "2001:db8:7fff::1", "2001:db8:8000::1")]
    [InlineData("fe80::/10", "fe80::1%3", "fec0::1")]
    public void A_block_holds_its_addresses_only(string block, string inside, string outside)
    {
        var proxies = TrustedProxies.Parse(block)!;

        Assert.True(proxies.Contains(IPAddress.Parse(inside)));
        Assert.False(proxies.Contains(IPAddress.Parse(outside)));
    }

    [Theory]
    [InlineData("localhost")]
    [InlineData("10.0.0.1,")]
    [InlineData("10.0.0.0/8,,10.0.0.1")]
    [InlineData("10.0.0.0/33")]
    [InlineData("10.0.0.0/-1")]
    [InlineData("10.0.0.0/")]
    [InlineData("10.0.0.0/8/8")]
    [InlineData("10.0.0.1/8")]
    [InlineData("10/8")]
    [InlineData("2001:db8::1/64")]
    [InlineData("2001:db8::/129")]
    [InlineData("::ffff:10.0.0.0/64")]
    [InlineData("[::1]")]
    [InlineData("*")]
    public void A_wrong_entry_is_a_complaint_with_the_name_of_the_setting(string value)
    {
        var settings = new SettingsReader(
            new Dictionary<string, string?>(StringComparer.Ordinal),
            new Dictionary<string, string>(StringComparer.Ordinal) { ["TRUSTED_PROXIES"] = value },
            []);

        var options = FrontOptions.Read(settings);

        Assert.StartsWith("TRUSTED_PROXIES must be a list of addresses", Assert.Single(settings.Complaints));
        Assert.True(options.TrustedProxies.IsEmpty);
    }

    [Theory]
    [InlineData("127.0.0.0/8", "198.51.100.1, 198.51.100.2")]
    [InlineData("", "127.0.0.1, 127.0.0.1")]
    public async Task Each_request_of_a_connection_has_its_own_client(string proxies, string clients)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(static kestrel => kestrel.Listen(IPAddress.Loopback, 0));
        await using var app = builder.Build();
        app.Run(http =>
        {
            ClientAddress.Establish(http, TrustedProxies.Parse(proxies)!);
            return http.Response.WriteAsync($"{http.Connection.RemoteIpAddress}");
        });
        await app.StartAsync(TestContext.Current.CancellationToken);
        using var client = new HttpClient(new SocketsHttpHandler()) { BaseAddress = new Uri(app.Urls.First()) };

        var first = await AskAsync(client, "198.51.100.1");
        var second = await AskAsync(client, "198.51.100.2");

        Assert.Equal(clients, $"{first}, {second}");
    }

    private static async Task<string> AskAsync(HttpClient client, string forwarded)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, "/");
        request.Headers.Add("X-Forwarded-For", forwarded);
        using var answer = await client.SendAsync(request, TestContext.Current.CancellationToken);
        return await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
    }

    private static IPAddress? Of(string peer, params string[] forwarded) =>
        ClientAddress.Of(IPAddress.Parse(peer), new StringValues(forwarded), TrustedProxies.Parse(Proxies)!);
}
