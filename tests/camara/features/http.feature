Feature: What HTTP says of every operation

  Background:
    Given the header "Authorization" is set to a valid access token
    And the header "x-correlator" is set to a UUID value

  @http_method
  Scenario Outline: Another method
    Given the resource "<resource>"
    When the HTTP "<method>" request is sent
    Then the response status code is 405
    And the response property "$.status" is 405
    And the response property "$.code" is "METHOD_NOT_ALLOWED"
    And the response header "Allow" is "<allowed>"
    And the response header "x-correlator" has the same value as the request header "x-correlator"

    Examples:
      | resource                                                                   | method | allowed     |
      | /quality-on-demand/v1/sessions                                             | GET    | POST        |
      | /quality-on-demand/v1/sessions/00000000-0000-4000-8000-000000000000        | PUT    | GET, DELETE |
      | /quality-on-demand/v1/sessions/00000000-0000-4000-8000-000000000000/extend | GET    | POST        |
      | /quality-on-demand/v1/retrieve-sessions                                    | DELETE | POST        |
      | /qos-profiles/v1/retrieve-qos-profiles                                     | GET    | POST        |
      | /qos-profiles/v1/qos-profiles/most                                         | POST   | GET         |

  @http_media_type
  Scenario Outline: A body that is not JSON, or an answer that may not be
    Given the resource "<resource>"
    And the request body is set to {}
    And the header "<header>" is set to "<value>"
    When the HTTP "POST" request is sent
    Then the response status code is <status>
    And the response property "$.code" is "<code>"
    And the response property "$.message" contains a user friendly text

    Examples:
      | resource                                | header       | value                     | status | code                   |
      | /quality-on-demand/v1/sessions          | Content-Type | text/plain                | 415    | UNSUPPORTED_MEDIA_TYPE |
      | /quality-on-demand/v1/retrieve-sessions | Content-Type | application/xml           | 415    | UNSUPPORTED_MEDIA_TYPE |
      | /qos-profiles/v1/retrieve-qos-profiles  | Content-Type | multipart/form-data       | 415    | UNSUPPORTED_MEDIA_TYPE |
      | /quality-on-demand/v1/sessions          | Accept       | text/html                 | 406    | NOT_ACCEPTABLE         |
      | /qos-profiles/v1/retrieve-qos-profiles  | Accept       | application/json;q=0, */* | 406    | NOT_ACCEPTABLE         |

  @http_media_type_of_json
  Scenario Outline: JSON by its longer names
    Given the resource "/qos-profiles/v1/retrieve-qos-profiles"
    And the request body is set to {}
    And the header "<header>" is set to "<value>"
    When the HTTP "POST" request is sent
    Then the response status code is 200

    Examples:
      | header       | value                           |
      | Content-Type | Application/JSON; charset=utf-8 |
      | Accept       | text/html, application/*;q=0.5  |

  @http_correlator
  Scenario Outline: A correlator that is none
    Given the resource "<resource>"
    And the header "x-correlator" is set to "not a correlator!"
    When the HTTP "<method>" request is sent
    Then the response status code is 400
    And the response property "$.code" is "INVALID_ARGUMENT"
    And the response header "x-correlator" is there

    Examples:
      | resource                                                                   | method |
      | /quality-on-demand/v1/sessions                                             | POST   |
      | /quality-on-demand/v1/sessions/00000000-0000-4000-8000-000000000000        | GET    |
      | /quality-on-demand/v1/sessions/00000000-0000-4000-8000-000000000000        | DELETE |
      | /quality-on-demand/v1/sessions/00000000-0000-4000-8000-000000000000/extend | POST   |
      | /quality-on-demand/v1/retrieve-sessions                                    | POST   |
      | /qos-profiles/v1/retrieve-qos-profiles                                     | POST   |
      | /qos-profiles/v1/qos-profiles/most                                         | GET    |

  @http_no_token
  Scenario: Without a token the answer says which kind is wanted
    Given the resource "/qos-profiles/v1/qos-profiles/most"
    And the header "Authorization" is not sent
    When the HTTP "GET" request is sent
    Then the response status code is 401
    And the response header "WWW-Authenticate" is "Bearer"
